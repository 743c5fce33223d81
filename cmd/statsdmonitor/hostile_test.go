package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/internal/counterpart"
)

// wrapped returns an XML-RPC response with a value.
func wrapped(value string) string {
	return "<methodResponse><params><param><value>" + value + "</value></param></params></methodResponse>"
}

func member(name, value string) string {
	return "<member><name>" + name + "</name><value>" + value + "</value></member>"
}

// TestStrangeData checks how commands react to servers that are not statsd, or that send invalid data.
func TestStrangeData(t *testing.T) {
	fault := func(code int) string {
		return fmt.Sprintf("<methodResponse><fault><value><struct>%s%s</struct></value></fault></methodResponse>",
			member("faultCode", fmt.Sprintf("<int>%d</int>", code)), member("faultString", "<string>no &#x9b;2J</string>"))
	}
	sinks := func(data string) string {
		return wrapped("<struct>" + member("as_of", "<string></string>") + member("complete", "<boolean>1</boolean>") + member("data", data) + "</struct>")
	}
	one := func(member string) string {
		return sinks("<array><data><value><struct>" + member + "</struct></value></data></array>")
	}
	deep := strings.Repeat("<array><data><value>", 30_000)
	for _, tt := range []struct {
		why, body string
		exit      int
		output    string // expected part of the output
	}{
		{"no struct", wrapped("<int>7</int>"), 1, "must be a struct, not int64"},
		{"a list of other things", sinks("<int>7</int>"), 1, "data: must be an array, not int64"},
		{"a number that is text", one(member("behind", "<string>x</string>")), 1, "data[0].behind: must be a number, not string"},
		{"a number that is no value", one(member("behind", "<double>NaN</double>")), 1, "data[0].behind: must be a number, not float64"},
		{"a negative count", one(member("waiting", "<int>-1</int>")), 1, "data[0].waiting: must be a number"},
		{"a time that is none", one(member("accepted", "<string>soon</string>")), 1, "data[0].accepted: must be a time"},
		{"no members", wrapped("<struct></struct>"), 1, "the answer does not come from a monitor: the member as_of is missing"},
		{"no data", wrapped("<struct>" + member("as_of", "<string></string>") + "</struct>"), 1, "the answer does not come from a monitor: the member data is missing"},
		{"nothing", sinks(""), 0, "no sink is configured"},
		{"unknown members", one(member("color", "<string>red</string>") + member("name", "<string>a</string>")), 0, "\na: queue 0"},
		{"control characters", one(member("name", "<string>a&#x9b;2J\u202e</string>") + member("state", "<string>&#x1f600;\n</string>")), 0, `a\u009b2J\u202e`},
		{"huge values", one(member("behind", "<double>1e300</double>") + member("full_in", "<double>1e300</double>") + member("per_second", "<double>-1e300</double>")), 0, "queue"},
		{"nesting", wrapped(deep), 1, "the answer does not come from a monitor: the answer is nested too deep"},
		{"no end", "<methodResponse><params><param><value><struct>", 1, "the answer does not come from a monitor"},
		{"an older daemon", fault(-32601), 1, "this statsd is older than this statsdmonitor"},
		{"not there", fault(-32001), 4, `: no \u009b2J`},
		{"a fault", fault(7), 1, `fault 7: no \u009b2J`},
		{"too much", strings.Repeat(" ", 8<<20) + " ", 1, "the answer has more than 8388608 bytes"},
	} {
		stdout, stderr := invoke(t, tt.exit, "sinks", "--at", "127.0.0.1:"+answers(t, 200, tt.body))
		if !strings.Contains(stdout+stderr, tt.output) {
			t.Errorf("%s: prints %q and %q, want %q", tt.why, stdout, stderr, tt.output)
		}
	}
}

// TestStrangeStream checks how the command tail reacts to invalid streams.
func TestStrangeStream(t *testing.T) {
	for _, tt := range []struct {
		why, body string
		exit      int
		output    string
	}{
		{"all is well", "retry: 3000\n\n:\n\nevent: line\ndata: {\"time\":\"2026-11-29T02:28:31Z\",\"line\":\"\\\"a\\u009b:1|c\\\"\",\"kind\":\"counter\",\"name\":\"a\"}\n\nevent: end\ndata: {\"every\":1,\"matched\":1}\n\n", 0, `a\u009b:1|c              -> counter a` + "\n1 shown of 1 that matches, all looked at\n"},
		{"an error", "event: error\ndata: {\"error\":{\"code\":\"busy\",\"text\":\"a probe runs \\u001b\",\"next\":\"wait\"}}\n\n", 1, `a probe runs \x1b; wait`},
		{"an error without a text", "event: error\ndata: x\n\n", 1, "the stream ended with an error"},
		{"no JSON", "event: line\ndata: x\n\n", 1, "invalid character"},
		{"an unknown event", "event: other\ndata: x\n\n", 0, "0 shown of 0 that match"},
		{"too long a line", "data: " + strings.Repeat("x", 2<<20) + "\n\n", 1, "the stream was interrupted"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = w.Write([]byte(tt.body))
		}))
		stdout, stderr := invoke(t, tt.exit, "tail", "--at", server.Listener.Addr().String())
		if !strings.Contains(stdout+stderr, tt.output) {
			t.Errorf("%s: prints %q and %q, want %q", tt.why, stdout, stderr, tt.output)
		}
		server.Close()
	}
}

// TestWrongLines checks the errors for invalid command lines.
func TestWrongLines(t *testing.T) {
	for line, want := range map[string]string{
		"explain":                       "explain needs an argument: statsdmonitor explain LINE|NAME",
		"sinks a b":                     `sinks takes at most 1 argument: unexpected "b"`,
		"cost a":                        `cost takes no argument: unexpected "a"`,
		"top --by nam":                  `--by: must be name, prefix, sender or kind, not "nam" (did you mean name?)`,
		"top -n 0":                      `-n: must be a number from 1 to 200, not "0"`,
		"top -n":                        "-n needs a value: N",
		"top --for 31":                  `--for: must be a duration from 1ms to 30s, not "31"`,
		"tail --for 0":                  `--for: must be a duration from 1ms to 30s, not "0"`,
		"mute a --for 0":                `--for: must be a duration from 1ms to 1d, not "0"`,
		"mute a --for 2d":               `--for: must be a duration from 1ms to 1d, not "2d"`,
		"mute a --for 2x":               "--for: must be seconds, or a duration such as 10s or 1m30s",
		"top --fro 3":                   "unknown long flag '--fro'",
		"top --sned x":                  "unknown long flag '--sned'",
		"top --senders x":               "unknown long flag '--senders' (did you mean --sender?)",
		"top --sort name":               "top has no flag --sort; it has --by, --for, -n",
		"cost --bad":                    "cost has no flag --bad",
		"tail --watch":                  "tail has no flag --watch",
		"status --watch=0":              "--watch: must be a duration from 0.1s to 1d",
		"status --json=x":               "--json takes no value",
		"-x":                            "unknown short flag '-x': if it is an argument, write '--' before it",
		"statsu --watch":                `there is no command "statsu" (did you mean status?)`,
		"--at http://a/b sinks":         "--at: host \"a/b\": must be a name or an address",
		"sinks --at a:0":                `--at: port "0": must be a number from 1 to 65535`,
		"sinks --timeout 0":             "--timeout must be more than 0",
		"localhost --at x":              `there is no command "localhost"`,
		"sinks --token-file /nowhere/x": "--token-file: open /nowhere/x: no such file or directory",
	} {
		_, stderr := invoke(t, exitUsage, strings.Fields(line)...)
		if !strings.Contains(stderr, want) || !strings.HasSuffix(stderr, ", try --help\n") {
			t.Errorf("%s: says %q, want %q", line, stderr, want)
		}
	}
}

// TestMistypedCommand checks the hint for a word that is neither a command nor a reachable host: it is probably a
// mistyped command.
func TestMistypedCommand(t *testing.T) {
	_, stderr := invoke(t, exitFailed, "statsu", "--timeout=1ms")
	if !strings.HasSuffix(stderr, " (did you mean the command status?)\n") {
		t.Errorf("says %q", stderr)
	}
	free := counterpart.FreeAddress(t)
	_, stderr = invoke(t, exitFailed, "127.0.0.1", strconv.Itoa(int(free.Port())), "--timeout=1ms")
	if strings.Contains(stderr, "did you mean") {
		t.Errorf("says %q", stderr)
	}
}

// TestCompletions completes commands and flags in real shells.
func TestCompletions(t *testing.T) {
	drivers := map[string]string{
		"bash": `eval "$(statsdmonitor --completion-script-bash)"; COMP_WORDS=(statsdmonitor "$@"); COMP_CWORD=$#; _statsdmonitor; printf '%s\n' "${COMPREPLY[@]}"`,
		"fish": `statsdmonitor --completion-script-fish | source; complete -C "statsdmonitor $argv" | string replace -r "\t.*" ""; true`,
	}
	for shell, driver := range drivers {
		t.Run(shell, func(t *testing.T) {
			program := counterpart.Find(t, shell)
			for _, tt := range []struct {
				words []string
				want  string
			}{
				{[]string{"exp"}, "explain"},
				{[]string{"--at", "web1", "pre"}, "prefixes"},
				{[]string{"top", "--by", "s"}, "sender"},
				{[]string{"check", "--cr"}, "--crit"},
				{[]string{"check", "--crit", ""}, "degraded failing never"},
				{[]string{"debug", "o"}, "off on"},
				{[]string{"--led"}, "--ledger"},
				{[]string{"top", "--led"}, ""},
			} {
				args := append([]string{"-c", driver, "--"}, tt.words...)
				cmd := exec.Command(program, args...)
				cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", "HOME="+t.TempDir())
				out, err := cmd.CombinedOutput()
				got := strings.Fields(string(out))
				slices.Sort(got)
				if err != nil || strings.Join(got, " ") != tt.want {
					t.Errorf("%q: offers %q, %v, want %q", tt.words, got, err, tt.want)
				}
			}
		})
	}
}
