package server

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kolo/xmlrpc"

	"github.com/statsd-ops/statsd/meta/question"
)

// question calls a method of the daemon's monitor over XML-RPC and returns the answer. The client
// decodes structs as maps.
func (d *daemon) question(method string, args ...any) map[string]any {
	d.t.Helper()
	answer, err := d.tryQuestion(method, args...)
	if err != nil {
		d.t.Fatalf("%s %v: %v", method, args, err)
	}
	return answer
}

func (d *daemon) tryQuestion(method string, args ...any) (answer map[string]any, err error) {
	d.t.Helper()
	client, err := xmlrpc.NewClient("http://"+d.MonitorAddr().String()+"/", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	defer client.Close()
	return answer, client.Call(method, args, &answer)
}

func (d *daemon) answerData(method string, args ...any) map[string]any {
	d.t.Helper()
	data, _ := d.question(method, args...)["data"].(map[string]any)
	return data
}

// Each query is an XML-RPC method with a help text and signatures. All answers have the same
// outer structure.
func TestQuestionsOverXMLRPC(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.MonitorPort = 0
	cfg.Described = func() question.Config { return question.Config{Files: []string{"a.conf"}} }
	d := start(t, cfg)
	client, err := xmlrpc.NewClient("http://"+d.MonitorAddr().String()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, q := range d.desk().Questions() {
		method := q.Method
		if method == "" {
			method = q.Name
		}
		var help string
		if err := client.Call("system.methodHelp", method, &help); err != nil || !strings.HasPrefix(help, q.Help) {
			t.Errorf("%s: help %q, %v", method, help, err)
		}
		var signatures [][]string
		if err := client.Call("system.methodSignature", method, &signatures); err != nil || len(signatures) == 0 ||
			signatures[0][0] != "struct" || len(signatures[0]) != 1+len(q.Parameters) {
			t.Errorf("%s: signatures %v, %v", method, signatures, err)
		}
		optional := false
		for _, p := range q.Parameters {
			if p.Required && optional {
				t.Errorf("%s: %s is required, after a parameter that is not", method, p.Name)
			}
			optional = optional || !p.Required
			if p.Help == "" || strings.HasSuffix(p.Help, ".") {
				t.Errorf("%s: the help of %s is %q", method, p.Name, p.Help)
			}
		}
		var args []any
		watch := slices.IndexFunc(q.Parameters, func(p question.Parameter) bool { return p.Name == q.Watch })
		for i, p := range q.Parameters {
			switch {
			case p.Required:
				args = append(args, "names")
			case i == watch:
				args = append(args, max(p.Min, 1)) // the shortest time that the query allows
			case i < watch && p.Default == nil:
				args = append(args, "")
			case i < watch:
				args = append(args, p.Default)
			}
		}
		answer := d.question(method, args...)
		if _, there := answer["data"]; !there || answer["complete"] != true {
			t.Errorf("%s: %v", method, answer)
		}
		if asOf, _ := answer["as_of"].(string); asOf != "" {
			if at, err := time.Parse(time.RFC3339, asOf); err != nil || time.Since(at) > time.Hour {
				t.Errorf("%s: as of %q, %v", method, asOf, err)
			}
		}
	}
}

func TestQuestionHealth(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.MonitorPort, cfg.FlushInterval, cfg.GaugeExpire, cfg.MaxNames = 0, 20*time.Millisecond, time.Hour, 1
	d := start(t, cfg)
	send(t, d.dial("udp"), "a:1|g\nb:1|g") // the name of gauge a is kept for an hour, so the table stays full
	var reasons map[string]any
	eventually(t, "no sample is refused", func() bool {
		reasons = map[string]any{}
		for _, r := range d.answerData("health")["reasons"].([]any) {
			reasons[r.(map[string]any)["id"].(string)] = r
		}
		return reasons["samples_refused"] != nil
	})
	if r := reasons["samples_refused"].(map[string]any); r["state"] != "degraded" || r["subject"] != "names" || r["effect"] == "" || r["since"] == "" {
		t.Errorf("reason: %v", r)
	}
	figures := d.answerData("figures")
	if figures["names"] != 1.0 || figures["samples.refused.names"] != 1.0 {
		t.Errorf("figures: %v", figures)
	}
	if _, err := d.tryQuestion("alerts", 257); err == nil || !strings.Contains(err.Error(), "limit: must be a whole number from 1 to 256") {
		t.Errorf("alerts: %v", err)
	}
}
