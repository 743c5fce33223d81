package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/cmd/statsdmonitor/report/reporttest"
	"github.com/statsd-ops/statsd/internal/plainjson"
	"github.com/statsd-ops/statsd/internal/xmlrpc"
	"github.com/statsd-ops/statsd/meta/question"
)

// shown contains a command line for each report of package report, and the queries that the command must send.
var shown = []struct {
	line, golden string
	exit         int
	asks         []asked
}{
	{"status", "status", 0, []asked{{"status", nil}}},
	{"", "status", 0, []asked{{"status", nil}}},
	{"explain checkout.pay --for 2.5", "explain", 0, []asked{{"explain", []xmlrpc.Value{xmlrpc.String("checkout.pay"), xmlrpc.Int(3)}}}},
	{"values checkout.* --limit=50", "values", 0, []asked{{"find", []xmlrpc.Value{xmlrpc.String("checkout.*"), xmlrpc.Int(50), xmlrpc.String(""), xmlrpc.String("name")}}}},
	{"values --sort value", "values", 0, []asked{{"find", []xmlrpc.Value{xmlrpc.String("*"), xmlrpc.Int(50), xmlrpc.String(""), xmlrpc.String("value")}}}},
	{"top api.* --by name -n 7", "top", 0, []asked{{"top", []xmlrpc.Value{xmlrpc.String("name"), xmlrpc.Int(5), xmlrpc.Int(7), xmlrpc.String("api.*")}}}},
	{"senders checkout.* --for=1s", "senders", 0, []asked{{"senders", []xmlrpc.Value{xmlrpc.String("checkout.*"), xmlrpc.Int(1), xmlrpc.Int(20)}}}},
	{"prefixes --since 15m", "prefixes", 0, []asked{{"prefixes", []xmlrpc.Value{xmlrpc.String(""), xmlrpc.Int(900), xmlrpc.Int(20)}}}},
	{"discards -n2", "discards", 0, []asked{{"discarded", nil}}},
	{"rules", "rules", 0, []asked{{"rules", nil}}},
	{"cluster", "cluster", 0, []asked{{"cluster", nil}}},
	{"cluster --ledger", "cluster.ledger", 0, []asked{{"cluster", nil}}},
	{"sinks", "sinks", 0, []asked{{"sinks", nil}}},
	{"sinks archive", "sinks.one", 0, []asked{{"sinks", nil}}},
	{"alerts -n=9", "alerts", 0, []asked{{"alerts", []xmlrpc.Value{xmlrpc.Int(9)}}}},
	{"alerts --audit", "audit", 0, []asked{{"alerts", []xmlrpc.Value{xmlrpc.Int(20)}}}},
	{"config", "config", 0, []asked{{"config", nil}}},
	{"config --all", "config.all", 0, []asked{{"config", nil}}},
	{"config --diff", "config.diff", 0, []asked{{"config", nil}}},
	{"cost", "cost", 0, []asked{{"cost", nil}}},
	{"history udp.kernel_dropped stats.x --since 1h", "history", 0, []asked{{"history", []xmlrpc.Value{xmlrpc.String("udp.kernel_dropped,stats.x"), xmlrpc.Int(3600), xmlrpc.Int(2000)}}}},
}

// utc sets the local time zone of the test to UTC.
func utc(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	t.Cleanup(func() { time.Local = local })
}

func golden(t *testing.T, name, columns string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../cmd/statsdmonitor/report/testdata", name+"."+columns+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestCommands runs each command with a pipe as output: with the default width of 80 columns, and with the width
// in COLUMNS.
func TestCommands(t *testing.T) {
	utc(t)
	f := startFake(t)
	for _, tt := range shown {
		for _, columns := range []string{"80", "120"} {
			t.Setenv("COLUMNS", map[string]string{"80": "", "120": "120"}[columns])
			t.Setenv("STATSDMONITOR_AT", f.Listener.Addr().String())
			stdout, _ := invoke(t, tt.exit, strings.Fields(tt.line)...)
			if want := golden(t, tt.golden, columns); stdout != want {
				t.Errorf("%s at %s columns: got\n%swant\n%s", tt.line, columns, stdout, want)
			}
			for _, want := range tt.asks {
				if got := <-f.calls; got.method != want.method || len(got.params)+len(want.params) > 0 && !reflect.DeepEqual(got.params, want.params) {
					t.Errorf("%s: asks %v, want %v", tt.line, got, want)
				}
			}
		}
	}
}

// TestJSON checks that each command prints one line of JSON with the complete answer.
func TestJSON(t *testing.T) {
	f := startFake(t)
	for _, tt := range shown {
		words := strings.Fields(tt.line)
		stdout, _ := invoke(t, tt.exit, append(words, "--json", f.at())...)
		method := tt.asks[0].method
		want := fakeAnswers[method].frame
		want.Data = fakeAnswers[method].data
		if slices.Contains(words, "archive") {
			want.Data = []question.Sink{reporttest.FailingSink()}
		}
		if got := string(plainjson.Encode(frame{1, want})) + "\n"; stdout != got {
			t.Errorf("%s: got\n%swant\n%s", tt.line, stdout, got)
		}
		if strings.Count(stdout, "\n") != 1 || !json.Valid([]byte(stdout)) {
			t.Errorf("%s: no line of JSON: %s", tt.line, stdout)
		}
	}
}

// TestCheckCommand checks the output and the exit codes of check.
func TestCheckCommand(t *testing.T) {
	f := startFake(t)
	stdout, stderr := invoke(t, 1, "check", f.at())
	if !strings.HasPrefix(stdout, "STATSD WARNING - sink archive accepted nothing for 6m12s") || !strings.Contains(stdout, " | received=172140 kernel_dropped=30411c lost_15m=10620;1 ") || stderr != "" {
		t.Errorf("prints %q and %q", stdout, stderr)
	}
	stdout, _ = invoke(t, 2, "check", "--crit=degraded", f.at())
	if !strings.HasPrefix(stdout, "STATSD CRITICAL - ") {
		t.Errorf("prints %q", stdout)
	}
	invoke(t, 0, "check", "--warn=failing", f.at())
	// A daemon that does not answer must be as critical as a failing daemon.
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, at := range []string{"127.0.0.1:1", silent.Addr().String()} {
		stdout, stderr = invoke(t, 2, "check", "--timeout=0.1", "--at", at)
		if !strings.HasPrefix(stdout, "STATSD CRITICAL - status from "+at+": ") || strings.Count(stdout, "\n") != 1 || stderr != "" {
			t.Errorf("prints %q and %q", stdout, stderr)
		}
	}
	for _, line := range []string{"check --warn soon", "check --bogus", "check --at host:0", "check --token-file /nowhere"} {
		stdout, stderr = invoke(t, 3, strings.Fields(line)...)
		if !strings.HasPrefix(stdout, "STATSD UNKNOWN - ") || strings.Count(stdout, "\n") != 1 || stderr != "" {
			t.Errorf("%s: prints %q and %q", line, stdout, stderr)
		}
	}
}

// TestTail checks that lines are printed on standard output, and the summary on standard error.
func TestTail(t *testing.T) {
	utc(t)
	f := startFake(t)
	t.Setenv("COLUMNS", "")
	stdout, stderr := invoke(t, 0, "tail", "checkout.*", "--bad", "--for=2", "-n", "5", f.at())
	if want := golden(t, "tail", "80"); stdout != want {
		t.Errorf("got\n%swant\n%s", stdout, want)
	}
	if stderr != "5 shown of 4,120 that match (limit 5/s), 1 batch in 8 looked at\n" {
		t.Errorf("says %q", stderr)
	}
	want := []xmlrpc.Value{xmlrpc.String("checkout.*"), xmlrpc.String(""), xmlrpc.Bool(true), xmlrpc.Int(2), xmlrpc.Int(5)}
	if got := <-f.calls; !reflect.DeepEqual(got.params, want) {
		t.Errorf("asks %v", got)
	}
}

// TestNotThere checks the exit code for objects that the daemon does not have.
func TestNotThere(t *testing.T) {
	f := startFake(t)
	_, stderr := invoke(t, exitNotThere, "sinks", "archvie", f.at())
	if want := "there is no sink \"archvie\" (did you mean archive?); the sinks are: main, load, archive\n"; !strings.HasSuffix(stderr, want) {
		t.Errorf("says %q, want %q", stderr, want)
	}
	unknown := startAnswering(t, answerOf{frame: reporttest.Live(), data: question.Explanation{Near: []string{"checkout.pay"}}})
	stdout, _ := invoke(t, exitNotThere, "explain", "checkout.pya", unknown)
	if !strings.Contains(stdout, "near       checkout.pay\n") {
		t.Errorf("prints %q", stdout)
	}
	none := startAnswering(t, answerOf{frame: reporttest.Flushed(), data: question.PathValues{Held: 7}})
	invoke(t, exitNotThere, "values", "checkout.pya", none)
	invoke(t, exitOK, "values", "checkout.*", none)
}
