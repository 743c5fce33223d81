package meta

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"testing"

	kolo "github.com/kolo/xmlrpc"
	"github.com/statsd-ops/statsd/internal/counterpart"
)

// TestClients calls every method with the XML-RPC clients of other languages, and
// compares their results with the source.
func TestClients(t *testing.T) {
	for _, tt := range []struct {
		program, script string
		module          []string // arguments that fail if the client is not installed
	}{
		{"/usr/bin/python3", "client.py", []string{"-c", "import xmlrpc.client"}},
		{"/usr/bin/ruby", "client.rb", []string{"-e", `require "xmlrpc/client"`}},
		{"/usr/bin/perl", "rpc-xml.pl", []string{"-MRPC::XML::Client", "-e", "1"}},
		{"/usr/bin/perl", "frontier.pl", []string{"-MFrontier::Client", "-e", "1"}},
	} {
		t.Run(tt.script, func(t *testing.T) {
			program := counterpart.Find(t, tt.program)
			if err := exec.CommandContext(t.Context(), program, tt.module...).Run(); err != nil {
				counterpart.Missing(t, fmt.Sprintf("%s lacks a module: %s", program, tt.module))
			}
			source := exampleSource()
			addr := start(t, source, exampleValues(3))
			out, err := exec.CommandContext(t.Context(), program, "testdata/"+tt.script, "http://"+addr+"/RPC2").Output()
			if err != nil {
				t.Fatal(stderr(err))
			}
			var got map[string]any
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatalf("%s: %v", out, err)
			}
			checkAnswers(t, got, source)
		})
	}
}

// stderr adds the output of the program to err.
func stderr(err error) error {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	return err
}

// checkAnswers compares the JSON that a client printed with the source.
func checkAnswers(t *testing.T, got map[string]any, source *fixedSource) {
	t.Helper()
	methods := []any{"discards", "istats", "stats", "system.listMethods", "system.methodHelp", "system.methodSignature", "system.multicall", "values"}
	for name, want := range map[string]any{
		"methods": methods, "signature": []any{[]any{"string"}}, "multicall": true,
	} {
		if !reflect.DeepEqual(got[name], want) {
			t.Errorf("%s: got %v, want %v", name, got[name], want)
		}
	}
	if !isNumber(got["fault"], -32601) {
		t.Errorf("fault: got %v", got["fault"])
	}
	if help, _ := got["help"].(string); !strings.HasPrefix(help, "Returns the daemon's own figures") {
		t.Errorf("help: got %v", got["help"])
	}
	for _, method := range []string{"istats", "stats"} {
		figures, _ := got[method].(map[string]any)
		for _, f := range source.figures {
			if !isNumber(figures[f.Name], f.Value) {
				t.Errorf("%s: %s is %v, want %v", method, f.Name, figures[f.Name], f.Value)
			}
		}
	}
	values, _ := got["values"].([]any)
	if len(values) != 3 {
		t.Fatalf("values: got %v", got["values"])
	}
	if v := values[1].(map[string]any); v["path"] != "stats.web-01.hits" || !isNumber(v["value"], 0.5) {
		t.Errorf("values: got %v", v)
	}
	discards, _ := got["discards"].(map[string]any)
	lines, _ := discards["lines"].([]any)
	if len(lines) != 3 {
		t.Fatalf("discards: got %v", discards)
	}
	if l := lines[0].(map[string]any); l["line"] != Quote(everyByte()) || l["reason"] != "bad_value" || l["sender"] != "[2001:db8::1]:4711" {
		t.Errorf("discards: the first line is %v", l)
	}
	reasons, _ := discards["reasons"].(map[string]any)
	if len(reasons) != 3 || !isNumber(reasons["bad_value"], 9) || !isNumber(reasons["bad_type"], 0) {
		t.Errorf("discards: the reasons are %v", discards["reasons"])
	}
}

// isNumber compares a number that a client read. Perl writes numbers as strings
// unless it has computed with them.
func isNumber(got any, want float64) bool {
	if text, ok := got.(string); ok {
		f, err := strconv.ParseFloat(text, 64)
		return err == nil && f == want
	}
	return got == want
}

// TestKoloClient calls the monitor with the Go client that statsdmonitor uses.
func TestKoloClient(t *testing.T) {
	source := exampleSource()
	client, err := kolo.NewClient("http://"+start(t, source, exampleValues(3)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var figures map[string]any
	if err := client.Call("stats", nil, &figures); err != nil || figures["lines.received"] != 3e9 || figures["sinks"] != int64(2) {
		t.Errorf("stats: got %v, %v", figures, err)
	}
	var values []struct {
		Path  string  `xmlrpc:"path"`
		Value float64 `xmlrpc:"value"`
		Time  int64   `xmlrpc:"time"`
	}
	if err := client.Call("values", nil, &values); err != nil || len(values) != 3 || values[1].Path != "stats.web-01.hits" || values[1].Value != 0.5 || values[1].Time == 0 {
		t.Errorf("values: got %v, %v", values, err)
	}
	if err := client.Call("nope", nil, nil); err == nil || !strings.Contains(err.Error(), "-32601") {
		t.Errorf("no such method: %v", err)
	}
}
