package intake

import (
	"maps"
	"net"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/metric"
)

// longLine returns a valid line of n bytes for a counter with this name.
func longLine(name string, n int) string {
	return name + ":" + strings.Repeat("0", n-len(name)-len(":1|c")) + "1|c"
}

// The result does not depend on how a stream is split into writes. For each position in a text, the
// test opens a connection, splits the text there, and waits until the first part was read before it
// writes the second part. The counts of all these connections together must equal the counts for
// the text in one write, multiplied by the number of positions.
func TestStreamCutAnywhere(t *testing.T) {
	t.Parallel()
	grammar := "hits:1|c\r\n" +
		"hits:2:3|c|@0.5:4|m|#env:prod,x\n" +
		"load:7|g\nlevel:+2|g\n" +
		"time:1.5:2e1|ms|@0.1|c:id:1|T1700000000\n" +
		"user:2001:db8::1|s\nuser:b|s|#a:b\n" +
		"\r\n  \n\n" +
		"_e{5,4}:title|text\n_sc|svc.up|0\n" +
		"bad\nbad:x|c\nbad:1|q\nbad:1|c|@2\n/ a/b c:1|c\n\x01:1|c\n" +
		"bad:|c\r\n"
	stream := grammar + longLine("long", maxLine+1) + "\n" + "last:5|c\n" + longLine("exact", 1500) + "\r\nend:9|c"
	var cuts []int
	for i := 1; i < len(stream); i++ {
		// The long lines contain long runs of zeros. All positions inside such a run give the same case, so the test
		// leaves most of them out.
		inside := i - len(grammar)
		dull := inside > 10 && inside < maxLine-2 || i > len(stream)-1490 && i < len(stream)-30
		if !dull {
			cuts = append(cuts, i)
		}
	}

	whole := start(t, config())
	conn := whole.dial("tcp")
	send(t, conn, stream)
	_ = conn.Close()
	whole.stop()
	whole.check(Tally{
		TCPConnections: 1, TCPBytes: uint64(len(stream)), Lines: 20, Samples: 21, Aggregated: 14, Events: 2, TagsDropped: 2, TimestampsIgnored: 2,
		Discarded: [metric.Reasons]uint64{
			metric.TooLong: 1, metric.NoValue: 2, metric.BadValue: 1, metric.BadType: 1, metric.BadRate: 1, metric.EmptyName: 1,
		},
	})
	want := map[string]float64{
		"counters.hits": 1 + 4 + 6 + 4, "counters.last": 5, "counters.exact": 1, "counters.end": 9, "counters.-_a-b_c": 1,
		"gauges.load": 7, "gauges.level": 2, "timers.time.count": 20, "sets.user": 2,
	}
	if got := whole.totals(); !maps.Equal(got, want) {
		t.Fatalf("one write: got %v, want %v", got, want)
	}

	pieces := start(t, config())
	conns := make([]net.Conn, len(cuts))
	read := uint64(0)
	for i, cut := range cuts {
		conns[i] = pieces.dial("tcp")
		send(t, conns[i], stream[:cut])
		read += uint64(cut)
	}
	eventually(t, "the first pieces are not read", func() bool { return pieces.drain().TCPBytes == read })
	var sum Tally
	for i, cut := range cuts {
		send(t, conns[i], stream[cut:])
		_ = conns[i].Close()
		sum.Add(&whole.tally)
	}
	pieces.stop()
	n := float64(len(cuts))
	for name := range want {
		if name != "gauges.load" && name != "sets.user" {
			want[name] *= n
		}
	}
	if got := pieces.totals(); !maps.Equal(got, want) {
		t.Errorf("in two pieces, %v times: got %v, want %v", n, got, want)
	}
	pieces.check(sum)
}

// A line of 64 KiB is accepted. A longer line is discarded and counted once. Reading continues
// after its newline.
func TestStreamLongLines(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		stream string
		want   map[string]float64
		long   uint64
	}{
		{"just fits", longLine("a", maxLine) + "\nb:1|c\n", map[string]float64{"counters.a": 1, "counters.b": 1}, 0},
		{"just fits at the end of the stream", "b:1|c\n" + longLine("a", maxLine), map[string]float64{"counters.a": 1, "counters.b": 1}, 0},
		{"one more", longLine("a", maxLine+1) + "\nb:1|c\n", map[string]float64{"counters.b": 1}, 1},
		{"one more at the end of the stream", "b:1|c\n" + longLine("a", maxLine+1), map[string]float64{"counters.b": 1}, 1},
		{"two in a row", longLine("a", maxLine+1) + "\n" + longLine("a", maxLine+1) + "\nb:1|c\n", map[string]float64{"counters.b": 1}, 2},
		{"between lines that fit", "b:1|c\n" + longLine("a", 2*maxLine) + "\n" + longLine("a", maxLine) + "\nb:1|c", map[string]float64{"counters.a": 1, "counters.b": 2}, 1},
		{"10 MB", longLine("a", 10_000_000) + "\nb:1|c\n", map[string]float64{"counters.b": 1}, 1},
		{"10 MB without an end", "b:1|c\n" + longLine("a", 10_000_000), map[string]float64{"counters.b": 1}, 1},
		{"10 MB of short lines", strings.Repeat("b:1|c\n", 10_000_000/6), map[string]float64{"counters.b": 10_000_000 / 6}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in := start(t, config())
			conn := in.dial("tcp")
			send(t, conn, test.stream)
			_ = conn.Close()
			in.stop()
			if got := in.totals(); !maps.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
			good := uint64(0)
			for _, n := range test.want {
				good += uint64(n)
			}
			in.check(Tally{
				TCPConnections: 1, TCPBytes: uint64(len(test.stream)), Lines: good + test.long, Samples: good + test.long, Aggregated: good,
				Discarded: [metric.Reasons]uint64{metric.TooLong: test.long},
			})
			for _, bad := range in.BadLines() {
				if len(bad.Line) > 1000 {
					t.Errorf("%d bytes of a line that was too long are kept", len(bad.Line))
				}
			}
		})
	}
}

// The unfinished line of one connection is never mixed with a line of another connection.
func TestStreamsDoNotMix(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.Receivers = 1
	in := start(t, cfg)
	first, second := in.dial("tcp"), in.dial("tcp")
	send(t, first, "a:1")
	send(t, second, "b:2")
	eventually(t, "the first pieces are not read", func() bool { return in.drain().TCPBytes == 6 })
	send(t, first, "0|c\n")
	send(t, second, "0|c\n")
	_ = first.Close()
	_ = second.Close()
	in.stop()
	if got, want := in.totals(), (map[string]float64{"counters.a": 10, "counters.b": 20}); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
