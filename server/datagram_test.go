package server

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/meta"
)

// largest is the maximum size of a UDP datagram's payload over IPv4, in bytes.
const largest = 65_507

func TestLargestDatagram(t *testing.T) {
	t.Parallel()
	d := start(t, config())
	line := "hits:1|c\n"
	conn := d.dial("udp")
	d.deliver(conn, strings.Repeat(line, largest/len(line)))
	d.deliver(conn, "long:"+strings.Repeat("0", largest-len("long:1|c"))+"1|c")
	d.deliver(conn, "members:"+strings.Repeat("m", largest-10)+"|s")
	d.stop()
	want := map[string]float64{"counters.hits": float64(largest / len(line)), "counters.long": 1, "sets.members": 1}
	if got := d.totals(); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	check(t, d.Server, "udp.packets 3", fmt.Sprint("udp.bytes ", largest/len(line)*len(line)+2*largest), "metrics.batch.count 1", "metrics.discarded 0")
}

// A bad line does not affect the other lines of its datagram. Only datagrams with several lines are
// counted as batches.
func TestDatagramOfLines(t *testing.T) {
	t.Parallel()
	d := start(t, config())
	send(t, d.dial("udp"), "a:1|c\nbad\nb:2|g\r\n\nc:3|ms", "a:1|c\n", "\n\n a\t\n", "", "a:1|c\nb:+1|g", "bad")
	d.stop()
	want := map[string]float64{"counters.a": 3, "gauges.b": 3, "timers.c.count": 1}
	if got := d.totals(); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	check(t, d.Server, "udp.packets 6", "lines.received 9", "metrics.batch.count 2", "metrics.batch.discarded 1",
		"metrics.discarded 3", "metrics.discarded.no_value 3", "samples.aggregated 6")
}

// By default a daemon listens on all IPv4 and IPv6 addresses.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for host, clients := range map[string][]string{
		"":          {"127.0.0.1", "::1"},
		"::1":       {"::1"},
		"localhost": {"localhost"},
	} {
		t.Run("host "+host, func(t *testing.T) {
			t.Parallel()
			if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
				t.Skip("no IPv6 here: ", err)
			} else {
				_ = l.Close()
			}
			cfg := config()
			cfg.Host = host
			cfg.DiscardSenders = intake.SendersOn
			d := start(t, cfg)
			port := strconv.Itoa(d.Addr().(*net.TCPAddr).Port)
			var senders []meta.Sender
			for _, client := range clients {
				for _, network := range []string{"udp", "tcp"} {
					conn, err := net.Dial(network, net.JoinHostPort(client, port))
					if err != nil {
						t.Fatal(err)
					}
					send(t, conn, network+":1|c\nbad "+network+"\n")
					senders = append(senders, meta.SenderOf(conn.LocalAddr()))
					_ = conn.Close()
				}
			}
			d.stop()
			n := float64(len(clients))
			if got, want := d.totals(), (map[string]float64{"counters.udp": n, "counters.tcp": n}); !maps.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			for _, bad := range d.Discards().Lines {
				if !slices.Contains(senders, bad.Sender) {
					t.Errorf("a bad line from %v, want one of %v", bad.Sender, senders)
				}
			}
			if got := len(d.Discards().Lines); got != len(senders) {
				t.Errorf("%d bad lines, want %d", got, len(senders))
			}
		})
	}
}

// A datagram can contain any bytes. Bad lines are counted, and shown as plain ASCII.
func TestDatagramOfAllBytes(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.Debug, cfg.DebugMetric = true, "\x00"
	d := start(t, cfg)
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	conn := d.dial("udp")
	d.deliver(conn, string(all))
	for some := range slices.Chunk(all, 16) { // each byte is also sent at different places of a valid line
		var texts []string
		for _, c := range some {
			b := string([]byte{c})
			texts = append(texts, b+"n:1|c", "n"+b+":1|c", "n:"+b+"1|c", "n:1"+b+"|c", "n:1|"+b+"c",
				"n:1|c"+b, "n:1|c|"+b, "n:"+b+"|s", "n:1|c|@"+b, "n:1|c|#"+b)
		}
		d.deliver(conn, texts...)
	}
	d.deliver(conn, "n:1|g")
	d.stop()
	if got := d.published()["gauges.n"]; got != 1 {
		t.Errorf("a good sample behind them all: got %v, want 1", got)
	}
	received, aggregated, discarded := figureOf(t, d.Server, "samples.received"), figureOf(t, d.Server, "samples.aggregated"), figureOf(t, d.Server, "metrics.discarded")
	if received != aggregated+discarded || discarded < 1000 {
		t.Errorf("%v samples received, %v aggregated, %v discarded", received, aggregated, discarded)
	}
	check(t, d.Server, "udp.packets 2562")
	for _, p := range d.Points() {
		if strings.Trim(p.Path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") != "" {
			t.Errorf("published %q", p.Path)
		}
	}
	for _, bad := range d.Discards().Lines {
		if !plainASCII(meta.Quote(bad.Line)) {
			t.Errorf("bad line %q is shown as %s", bad.Line, meta.Quote(bad.Line))
		}
	}
	if !plainASCII(strings.ReplaceAll(d.out.String(), "\n", "")) {
		t.Error("the log is not plain ASCII")
	}
	if !strings.Contains(d.out.String(), `\\x00`) {
		t.Error("a line for the log is missing")
	}
}

func plainASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
