// Package snmp_test queries the values of statsd-snmp through the real snmpd.
package snmp_test

import (
	"context"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
	"github.com/statsd-ops/statsd/sink/load"
)

const base = ".1.3.6.1.4.1.8072.9999.9999.1"

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// agent is an snmpd that runs statsd-snmp as a script.
type agent struct {
	t    *testing.T
	addr string
	dir  string
}

// startAgent starts an snmpd that runs statsd-snmp. statsd-snmp reads metrics from the load sink at
// addr. The parameter objects contains the configuration lines that select these metrics.
func startAgent(t *testing.T, addr, objects string) *agent {
	t.Helper()
	snmpd := counterpart.Find(t, "snmpd")
	script, err := filepath.Abs("statsd-snmp")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	a := &agent{t: t, addr: "udp:" + counterpart.FreeAddress(t).String(), dir: dir}
	config := write(t, filepath.Join(dir, "statsd-snmp.conf"), fmt.Sprintf("url http://%s\nfresh 0.2\ntimeout 0.3\nbase %s\n%s", addr, base, objects))
	conf := write(t, filepath.Join(dir, "snmpd.conf"), fmt.Sprintf(
		"agentAddress %s\nrwcommunity public 127.0.0.1\npass_persist %s %s %s\n", a.addr, base, script, config))
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	process := exec.Command(snmpd, "-f", "-LE", "4", "-C", "-c", conf, "-I", "-smux")
	process.Env = append(os.Environ(), "SNMP_PERSISTENT_DIR="+dir, "MIBS=", "SNMPCONFPATH="+dir)
	process.Stdout, process.Stderr = log, log
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Process.Signal(os.Interrupt)
		_ = process.Wait() // ignore the error, because the process was ended by a signal
		_ = log.Close()
		if text, _ := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("snmpd: %s", text)
		}
	})
	a.awaitAnswer("its uptime", func(got string) bool { return strings.Contains(got, "Timeticks") }, "snmpget", ".1.3.6.1.2.1.1.3.0")
	return a
}

// ask runs one of Net-SNMP's commands and returns its output.
func (a *agent) ask(command string, args ...string) string {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), wait.Patience)
	defer cancel()
	program := counterpart.Find(a.t, command)
	c := exec.CommandContext(ctx, program, append([]string{"-v2c", "-c", "public", "-On", "-t", "5", "-r", "3", a.addr}, args...)...)
	c.Env = append(os.Environ(), "SNMP_PERSISTENT_DIR="+a.dir, "MIBS=", "SNMPCONFPATH="+a.dir)
	out, _ := c.CombinedOutput() // ignore err, because the output contains the error
	return strings.TrimSpace(string(out))
}

// awaitAnswer repeats a query until the answer is right. The first answers can be wrong: statsd-snmp caches values
// for a short time, and on a busy machine a request may time out.
func (a *agent) awaitAnswer(want string, right func(string) bool, command string, args ...string) {
	a.t.Helper()
	var got string
	for until := time.Now().Add(wait.Patience); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		if got = a.ask(command, args...); right(got) {
			return
		}
	}
	a.t.Fatalf("%s %s gives\n%s\nwant\n%s", command, strings.Join(args, " "), got, want)
}

// awaitValue waits until an SNMP object has this value.
func (a *agent) awaitValue(oid, want string) {
	a.t.Helper()
	a.awaitAnswer(want, func(got string) bool {
		_, value, _ := strings.Cut(got, " = ")
		return value == want
	}, "snmpget", base+oid)
}

// windows is a load sink with simulated time. A minute ends only when the test calls minute.
type windows struct {
	*load.Sink
	t    *testing.T
	addr string
	end  time.Time
	stop func()
}

func startWindows(t *testing.T, addr string) *windows {
	t.Helper()
	s, err := load.New(load.Config{Addr: addr, Minutes: 60, MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	// The simulated time starts an hour ahead, so that the system clock does not end a minute.
	w := &windows{Sink: s, t: t, addr: s.Addr().String(), end: time.Now().Truncate(time.Minute).Add(time.Hour)}
	stopped := false
	w.stop = func() {
		if stopped {
			return
		}
		stopped = true
		end()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(w.stop)
	return w
}

// minute simulates one minute: it gives the metrics to the load sink, and then ends the minute.
func (w *windows) minute(all ...*metric.Collected) {
	w.t.Helper()
	w.interval(w.end.Add(time.Minute), all...)
	w.interval(w.end.Add(time.Nanosecond), counter("next", 1)) // the first interval of the next minute ends the current minute
}

func (w *windows) interval(end time.Time, all ...*metric.Collected) {
	w.t.Helper()
	w.end = end.Truncate(time.Minute)
	before := w.State()
	for _, c := range all {
		w.Record(c)
	}
	w.EndInterval(sink.Interval{End: end, Percentiles: []float64{90}})
	wait.Until(w.t, "the sink does not store its values", func() bool {
		return w.State().Delivered == before.Delivered+uint64(len(all))
	})
}

func counter(name string, v float64) *metric.Collected {
	return &metric.Collected{Kind: metric.Counter, Name: []byte(name), Value: v}
}

const objects = `
10.0 integer   1       stats.gauges.temp
1.1  gauge     2       hits                   # a comment
1.2  gauge     2       idle                   absent=0
1.3  gauge     2       idle
2.1  gauge     1/full  stats.timers.t.mean    scale=1000
2.2  string    1/full  stats.timers.t.mean
2.3  string    1/full  stats.timers.t.upper_90
3.0  counter64 -       hits
3.1  counter64 -       bytes                  scale=8
3.2  gauge     2       bytes
`

func TestObjects(t *testing.T) {
	t.Parallel()
	counterpart.Find(t, "snmpd")
	w := startWindows(t, counterpart.FreeAddress(t).String())
	w.minute(counter("hits", 7), counter("bytes", 1e12))
	a := startAgent(t, w.addr, objects)
	a.awaitValue(".3.0", "Counter64: 0") // the value of a counter starts at 0 when statsd-snmp first reads it

	timer := &metric.Collected{Kind: metric.Timer, Name: []byte("t"), Samples: []float64{1, 2, 2.5}, Weight: 3, Sum: 5.5, Lower: 1, Upper: 2.5}
	w.minute(counter("hits", 5), counter("bytes", 1e12), timer)
	w.interval(w.end.Add(time.Second), &metric.Collected{Kind: metric.Gauge, Name: []byte("temp"), Value: -7.6})
	a.awaitValue(".3.0", "Counter64: 5")
	a.awaitValue(".10.0", "INTEGER: -8")
	want := []string{
		".1.1 = Gauge32: 5", ".1.2 = Gauge32: 0", ".2.1 = Gauge32: 1833", `.2.2 = STRING: "1.833333"`, `.2.3 = STRING: "2.5"`,
		".3.0 = Counter64: 5", ".3.1 = Counter64: 8000000000000", ".3.2 = Gauge32: 4294967295", ".10.0 = INTEGER: -8",
	}
	walk := strings.Join(want, "\n")
	a.awaitAnswer(walk, func(got string) bool { return strings.ReplaceAll(got, base, "") == walk }, "snmpwalk", base)
	for _, oid := range []string{".1.3", ".1.4", ".1", ".99.1"} {
		a.awaitAnswer("No Such Instance", func(got string) bool { return strings.Contains(got, " = No Such Instance") }, "snmpget", base+oid)
	}
	a.awaitAnswer("notWritable", func(got string) bool {
		return strings.Contains(got, "notWritable") || strings.Contains(got, "not-writable")
	}, "snmpset", base+".1.1", "u", "1")

	// Values of minutes without an SNMP request are counted too, and a counter never decreases.
	w.minute(counter("hits", 10))
	w.minute(counter("hits", -3))
	w.minute(counter("hits", 20))
	a.awaitValue(".3.0", fmt.Sprint("Counter64: ", 5+10-3+20))

	// If the load sink is missing or does not answer, snmpd answers without values.
	w.stop()
	a.awaitValue(".1.1", "No Such Instance currently exists at this OID")
	stuck, err := net.Listen("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	a.awaitAnswer("No Such Object", func(got string) bool { return strings.HasPrefix(got, base+" = No ") }, "snmpwalk", base)
	if err := stuck.Close(); err != nil {
		t.Fatal(err)
	}
	again := startWindows(t, w.addr)
	again.minute(counter("hits", 9))
	a.awaitValue(".1.1", "Gauge32: 9")
}

// TestDaemon sends a line to a real daemon, and reads the value as an SNMP object of the example
// configuration.
func TestDaemon(t *testing.T) {
	t.Parallel()
	counterpart.Find(t, "snmpd")
	dir := t.TempDir()
	statsd := filepath.Join(dir, "statsd")
	if err := counterpart.Build(dir, "statsd"); err != nil {
		t.Fatal(err)
	}
	windows, lines := counterpart.FreeAddress(t).String(), counterpart.FreeAddress(t)
	daemon := exec.Command(statsd, "-n", "127.0.0.1", "-p", fmt.Sprint(lines.Port()), "--monitor-port", "off", "--flush-interval", "0.2", "--sink", "load://"+windows)
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = daemon.Process.Signal(os.Interrupt)
		if err := daemon.Wait(); err != nil {
			t.Error(err)
		}
	})
	example, err := os.ReadFile("statsd-snmp.conf")
	if err != nil {
		t.Fatal(err)
	}
	_, objects, _ := strings.Cut(string(example), base)
	a := startAgent(t, windows, objects)
	wait.Until(t, "statsd takes no lines", func() bool {
		conn, err := net.Dial("tcp", lines.String())
		if err != nil {
			return false
		}
		defer conn.Close()
		_, err = fmt.Fprint(conn, "web.hits:40|c\nweb.hits:1|c|@0.5\nqueue.length:3|g\n")
		return err == nil
	})
	a.awaitValue(".1.1.0", "Gauge32: 42")
	a.awaitValue(".3.1.0", "INTEGER: 3")
	a.awaitValue(".1.2.0", "Gauge32: 0")
}

// --check prints the values. If the configuration is wrong, it prints an error with the line
// number.
func TestCheck(t *testing.T) {
	t.Parallel()
	python := counterpart.Find(t, "/usr/bin/python3")
	check := func(text string) string {
		t.Helper()
		file := write(t, filepath.Join(t.TempDir(), "file"), text)
		out, _ := exec.Command(python, "statsd-snmp", "--check", file).CombinedOutput()
		return strings.ReplaceAll(string(out), file, "FILE")
	}
	w := startWindows(t, counterpart.FreeAddress(t).String())
	name := &metric.Collected{Kind: metric.Timer, Name: []byte("a.b;env=x"), Samples: []float64{4}, Weight: 1, Sum: 4, Lower: 4, Upper: 4}
	w.minute(name, counter("odd*name", 1), counter("other", math.MaxUint32))
	got := check("url http://" + w.addr + "\nbase 1.2.3\n2 gauge 1/full stats.timers.a.b.upper;env=x\n1 string 2 odd*name\n3 gauge 2 none\n")
	want := ".1.2.3.1 string 2 odd*name = 1\n.1.2.3.2 gauge 1/full stats.timers.a.b.upper;env=x = 4\n.1.2.3.3 gauge 2 none = none now\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for text, want := range map[string]string{
		"1 gauge 5 a":                            "FILE:1: want base OID before the first object",
		"base .1.x":                              "FILE:1: '.1.x' is not an OID",
		"base 1.2\n\n1 gauge 5":                  "FILE:3: want OID TYPE WINDOW KEY",
		"base 1.2\n1 float 5 a":                  "FILE:2: unknown type 'float'; want gauge, integer, string, counter64",
		"base 1.2\n1 gauge 0 a":                  "FILE:2: '0' is not a window; want minutes such as 5 or 5/full, and - for counter64",
		"base 1.2\n1 counter64 5 a":              "FILE:2: '5' is not a window",
		"base 1.2\n1 gauge 5 a size=2":           "FILE:2: unknown option 'size=2'",
		"base 1.2\n1 gauge 5 a scale=x":          "FILE:2: could not convert string to float: 'x'",
		"fresh soon":                             "FILE:1: could not convert string to float: 'soon'",
		"url":                                    "FILE:1: want url and its value",
		"base 1.2\n1 gauge 5 a\n1 gauge 5 b":     "FILE: .1.2.1 is defined twice",
		"url https://x\nbase 1.2\n1 gauge 5 a\n": "url https://x: want http://HOST:PORT",
	} {
		if got := check(text); !strings.HasPrefix(got, "statsd-snmp: "+want) {
			t.Errorf("%q: got %swant %s", text, got, want)
		}
	}
	if got := check("url http://" + counterpart.FreeAddress(t).String() + "\nbase 1.2\n1 gauge 5 a"); !strings.Contains(got, "Connection refused") || !strings.HasSuffix(got, ".1.2.1 gauge 5 a = none now\n") {
		t.Errorf("without a load sink: %s", got)
	}
}
