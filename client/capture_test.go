package client_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/client"
)

// The files in testdata contain the packets that sprockets-statsd and gstatsd's client send for the calls below. If one
// of these two clients has a bug, call.corrected contains the correct line.

type call struct {
	do        func(c *client.Client)
	corrected string // the correct line, if the recorded line is wrong
}

// sprocketsCalls returns the calls for both recordings of sprockets-statsd, in order. The measured duration of
// the timer is different in each run.
func sprocketsCalls() []call {
	calls := []call{
		{do: func(c *client.Client) { c.Incr("c") }},
		{do: func(c *client.Client) { c.Count("c", 5) }},
		{do: func(c *client.Client) { c.Count("c", -3) }},
		{do: func(c *client.Client) { c.Gauge("g", 10) }},
		{do: func(c *client.Client) { c.Gauge("g", -7) }, corrected: "app.gauges.g:0|g\napp.gauges.g:-7|g"},
		{do: func(c *client.Client) { c.GaugeDelta("g", 4) }},
		{do: func(c *client.Client) { c.GaugeDelta("g", -4) }},
		{do: func(c *client.Client) { c.Timing("t", 250*time.Millisecond) }},
		{do: func(c *client.Client) { c.Timing("t", 1500*time.Millisecond) }},
		{do: func(c *client.Client) { c.NewTimer("ctx").Start().Stop() }, corrected: "app.timers.ctx:?|ms"},
		{do: func(c *client.Client) { c.Inject("sets.x", "v", "s") }},
	}
	for i := range 30 {
		calls = append(calls, call{do: func(c *client.Client) { c.Incr(fmt.Sprintf("burst.%d", i)) }})
	}
	return calls
}

var measured = regexp.MustCompile(`ctx:[0-9.]+\|`)

// correct replaces the recorded packets that are wrong because of a bug in the other client.
func correct(t *testing.T, captured []string, calls []call) []string {
	t.Helper()
	if len(captured) != len(calls) {
		t.Fatalf("%d packets were captured for %d calls", len(captured), len(calls))
	}
	for i, call := range calls {
		if call.corrected != "" {
			captured[i] = call.corrected
		}
	}
	return captured
}

func TestSprocketsTCP(t *testing.T) {
	raw, err := os.ReadFile("testdata/sprockets-tcp.tcp")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join(correct(t, strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n"), sprocketsCalls()), "\n") + "\n"

	r := receive(t, "tcp", "")
	c := open(t, client.NewSprockets, client.Config{Address: r.address, Prefix: "app"})
	for _, call := range sprocketsCalls() {
		call.do(c)
	}
	flush(t, c)
	got := r.wait(t, func(p []string) bool { return len(p) == 1 && strings.Count(p[0], "\n") == strings.Count(want, "\n") })
	if got := measured.ReplaceAllString(got[0], "ctx:?|"); got != want {
		t.Errorf("sent\n%s\nwant\n%s", got, want)
	}
}

func TestSprocketsUDP(t *testing.T) {
	testDatagrams(t, "sprockets-udp.udp", client.NewSprockets, "app", sprocketsCalls())
}

func TestGstatsd(t *testing.T) {
	testDatagrams(t, "gstatsd-py2.udp", client.New, "", []call{
		{do: func(c *client.Client) { c.Incr("c") }},
		{do: func(c *client.Client) { c.Decr("c", 1) }},
		{do: func(c *client.Client) { c.NewCounter("a").Add(5) }},
		{do: func(c *client.Client) { c.NewCounter("b").Add(5) }},
		{do: func(c *client.Client) { c.Count("a", 6) }},
		{do: func(c *client.Client) { c.Sampled(0.1).Incr("c") }},
		{do: func(c *client.Client) { c.NewGauge("g").Set(1.5) }},
		{do: func(c *client.Client) { c.Gauge("g", -2) }, corrected: "g:0|g\ng:-2|g"},
		{do: func(c *client.Client) { c.Sampled(0.5).Gauge("g", 3) }},
		// sprockets-statsd rounds to whole milliseconds. This client sends all digits.
		{do: func(c *client.Client) { c.Timing("t", 42700*time.Microsecond) }, corrected: "t:42.7|ms"},
		{do: func(c *client.Client) { c.NewTimer("tt").Record(35 * time.Millisecond) }},
	})
}

// testDatagrams makes one call per datagram, like the recorded clients, and compares the datagrams.
func testDatagrams(t *testing.T, file string, construct func(client.Config) (*client.Client, error), prefix string, calls []call) {
	raw, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var captured []string
	for len(raw) > 0 {
		n := binary.BigEndian.Uint32(raw)
		captured = append(captured, string(raw[4:4+n]))
		raw = raw[4+n:]
	}
	want := correct(t, captured, calls)

	r := receive(t, "udp", "")
	c := open(t, construct, client.Config{Network: "udp", Address: r.address, Prefix: prefix})
	for _, call := range calls {
		// A sampled call may send nothing, so it is repeated.
		for sent := c.Stats().Sent; c.Stats().Sent == sent; flush(t, c) {
			call.do(c)
		}
	}
	got := r.wait(t, func(p []string) bool { return len(p) >= len(want) })
	for i := range got {
		got[i] = measured.ReplaceAllString(got[i], "ctx:?|")
	}
	if !slices.Equal(got, want) {
		t.Errorf("sent\n%q\nwant\n%q", got, want)
	}
}
