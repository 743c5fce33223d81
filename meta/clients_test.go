package meta

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	kolo "github.com/kolo/xmlrpc"
	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/meta/question"
)

// TestClients calls every method with the XML-RPC clients of other languages, and compares the
// results with the source.
func TestClients(t *testing.T) {
	for _, tt := range []struct {
		program, script string
		module          []string // arguments of a command that fails if the client's library is not installed
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
			addr := startSample(t, source)
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

// sampleData has a member of each type that answers contain.
type sampleData struct {
	Text  string          `json:"text"`
	N     int             `json:"n"`
	Many  uint64          `json:"many"`
	None  question.Number `json:"none"`
	At    time.Time       `json:"at"`
	Never time.Time       `json:"never"`
	List  []string        `json:"list"`
	ByKey map[string]bool `json:"by_key"`
	Nil   *int            `json:"nil"`
}

// startSample runs a monitor with a query whose answer is sampleData.
func startSample(t *testing.T, source Source) string {
	ask := func(_ context.Context, args question.Arguments) (question.Answer, error) {
		data := sampleData{
			Text: args.Text("text"), N: args.Int("n"), Many: 1 << 40, None: question.Number(math.NaN()),
			At: time.Unix(1_700_000_000, 5e8), List: []string{"a", "b"}, ByKey: map[string]bool{"yes": true},
		}
		if data.N == 8 {
			data.None = 0
		}
		return question.Answer{Complete: true, Data: data}, nil
	}
	m, err := NewMonitor(MonitorConfig{Questions: []question.Question{{
		Name: "sample", Help: "A sample.", Ask: ask,
		Parameters: []question.Parameter{{Name: "text", Required: true}, {Name: "n", Kind: question.Int, Max: 9}},
	}}}, source, exampleValues(3))
	if err != nil {
		t.Fatal(err)
	}
	return run(t, m)
}

// stderr adds the standard error output of the program to err.
func stderr(err error) error {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	return err
}

// checkAnswers checks that the JSON in got, which a client has printed, agrees with the source.
func checkAnswers(t *testing.T, got map[string]any, source *fixedSource) {
	t.Helper()
	methods := []any{"discards", "istats", "sample", "stats", "system.listMethods", "system.methodHelp", "system.methodSignature", "system.multicall", "values"}
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
	if help, _ := got["help"].(string); !strings.HasPrefix(help, "Returns the daemon's own metrics") {
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
	checkSample(t, got)
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

// checkSample checks the sampleData that a client has decoded. Ruby decodes a missing number as 0.
func checkSample(t *testing.T, got map[string]any) {
	t.Helper()
	data, _ := got["sample"].(map[string]any)
	if data["text"] != "text" || !isNumber(data["n"], 7) && !isNumber(data["n"], 8) || !isNumber(data["many"], 1<<40) || data["at"] != "2023-11-14T22:13:20.5Z" || data["never"] != "" {
		t.Errorf("sample: got %v", data)
	}
	if list, _ := data["list"].([]any); !reflect.DeepEqual(list, []any{"a", "b"}) {
		t.Errorf("sample: the list is %v", data["list"])
	}
	if none := got["none"]; none != "nan" && none != "NaN" && none != "0.0" && none != "0" {
		t.Errorf("sample: a number that is none is %v", none)
	}
}

// isNumber compares a number that a client has decoded with the expected number. Perl prints a
// number as a string unless the program has used the number in a computation.
func isNumber(got any, want float64) bool {
	if text, ok := got.(string); ok {
		f, err := strconv.ParseFloat(text, 64)
		return err == nil && f == want
	}
	return got == want
}

// TestKoloClient calls the monitor with the XML-RPC client that statsdmonitor uses.
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
	testKoloSample(t, source)
	if err := client.Call("nope", nil, nil); err == nil || !strings.Contains(err.Error(), "-32601") {
		t.Errorf("no such method: %v", err)
	}
}

// testKoloSample decodes an answer into a struct, and checks that errors become faults.
func testKoloSample(t *testing.T, source Source) {
	client, err := kolo.NewClient("http://"+startSample(t, source), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var answer struct {
		Complete bool `xmlrpc:"complete"`
		Data     struct {
			Text  string          `xmlrpc:"text"`
			N     int             `xmlrpc:"n"`
			Many  float64         `xmlrpc:"many"`
			None  float64         `xmlrpc:"none"`
			Never string          `xmlrpc:"never"`
			List  []string        `xmlrpc:"list"`
			ByKey map[string]bool `xmlrpc:"by_key"`
		} `xmlrpc:"data"`
	}
	if err := client.Call("sample", []any{"text"}, &answer); err != nil {
		t.Fatal(err)
	}
	if d := answer.Data; !answer.Complete || d.Text != "text" || d.N != 0 || d.Many != 1<<40 || !math.IsNaN(d.None) || d.Never != "" || len(d.List) != 2 || !d.ByKey["yes"] {
		t.Errorf("sample: got %+v", answer)
	}
	for want, args := range map[string][]any{
		"Fault(-32602): n: must be a whole number from 0 to 9":   {"text", 10},
		"Fault(-32602): sample takes 1 to 2 parameters, not 0":   {},
		"Fault(-32602): sample: parameter 2 has the type string": {"text", "7"},
		"Fault(-32602): text: may have at most 1024 bytes":       {strings.Repeat("x", 1025)},
		"Fault(-32602): sample takes 1 to 2 parameters, not 3":   {"text", 1, 2},
	} {
		if err := client.Call("sample", args, &answer); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", args, err, want)
		}
	}
}
