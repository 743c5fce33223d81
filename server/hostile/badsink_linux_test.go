package hostile

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

// stuck are the faults of sinks that accept connections, but read slowly or not at all.
var stuck = map[string]sinktest.Fault{
	"never reads":                    {Never: true},
	"reads 1 KB/s":                   {BytesPerSecond: 1024},
	"resets connections in mid-line": {ResetAfter: 1000},
}

// If a sink gets stuck, nothing is lost. Only the data of a broken connection can be sent twice.
func TestSoakStuckSink(t *testing.T) {
	flushes := soak.Pick(3, 60)
	for name, fault := range stuck {
		t.Run(name, func(t *testing.T) {
			sideBySide(t)
			sink := sinktest.NewServer(t)
			d := startTo(t, sink.Addr(), time.Second, "--metadata-prefix=", "--spool-dir="+t.TempDir())
			r := newRounds(d, 10_000)
			sink.Set(fault)
			for range flushes {
				r.next()
			}
			sink.Set(sinktest.Fault{})
			sink.Cut()
			r.await()
			lines, again := deliveries(sink.Connections())
			r.check(lines)
			soak.Row(t, fmt.Sprintf("sink %s for %d flushes of %d points", name, flushes, r.names),
				fmt.Sprintf("0 lost; %d lines of unfinished sends twice", again), "0 lost, no others twice")
		})
	}
}

// A sink closes its connections after any number of bytes. Nothing is lost.
func TestSoakSinkGivesUpAnywhere(t *testing.T) {
	highest, step := 200, soak.Pick(25, 1)
	for name, fault := range map[string]func(int) sinktest.Fault{
		"closes": func(n int) sinktest.Fault { return sinktest.Fault{CloseAfter: n} },
		"resets": func(n int) sinktest.Fault { return sinktest.Fault{ResetAfter: n} },
	} {
		t.Run(name, func(t *testing.T) {
			sideBySide(t)
			const interval = 20 * time.Millisecond
			sink := sinktest.NewServer(t)
			d := startTo(t, sink.Addr(), interval, "--metadata-prefix=", "--spool-dir="+t.TempDir())
			conn := d.dial("udp")
			sent := 0
			for n := 1; n <= highest; n += step {
				first := sink.Accepted()
				sink.SetEach(func(connection int) sinktest.Fault {
					if connection == first {
						return fault(n)
					}
					return sinktest.Fault{}
				})
				sent++
				datagram := "hits:1|c\n"
				for i := range 10 { // ten gauges have more bytes than the greatest n, so the fault always happens
					datagram += fmt.Sprintf("a.gauge.number%d:%d|g\n", i, sent)
				}
				d.send(conn, []byte(datagram))
				eventually(t, "the flush is not sent again", func() bool { return sink.Accepted() == first+2 })
				eventually(t, "the flush is not taken", func() bool { c := sink.Connections(); return c[len(c)-1].Whole })
			}
			lines, again := deliveries(sink.Connections())
			for i := range 10 {
				for number := 1; number <= sent; number++ {
					prefix := fmt.Sprintf("stats.a.gauge.number%d %d ", i, number)
					if n := count(lines, prefix); n != 1 {
						t.Fatalf("%q came %d times", prefix, n)
					}
				}
			}
			if hits := count(lines, "stats.hits "); hits != sent {
				t.Errorf("%d hits came, want %d", hits, sent)
			}
			soak.Row(t, fmt.Sprintf("sink %s after N bytes, %d values of N up to %d", name, sent, highest),
				fmt.Sprintf("0 lost; %d lines of unfinished sends twice", again), "0 lost, no others twice")
		})
	}
}

func count(lines []string, prefix string) (n int) {
	for _, line := range lines {
		if strings.HasPrefix(line, prefix) {
			n++
		}
	}
	return n
}

// A stuck sink does not slow the intake. Two daemons read the same lines equally fast: one has a
// stuck sink, the other a healthy one.
func TestSoakIntakeBesideStuckSink(t *testing.T) {
	turns, lines := soak.Pick(3, 41), soak.Pick(20_000, 4_000_000)
	for name, fault := range stuck {
		t.Run(name, func(t *testing.T) {
			sideBySide(t)
			healthy, sink := sinktest.NewServer(t), sinktest.NewServer(t)
			sink.Set(fault)
			daemons := [2]*intake{newIntake(startTo(t, healthy.Addr(), time.Second, "--spool-dir="+t.TempDir()), lines),
				newIntake(startTo(t, sink.Addr(), time.Second, "--spool-dir="+t.TempDir()), lines)}
			for turn := range turns {
				for i := range daemons {
					daemons[(turn+i)%2].turn()
				}
			}
			eventually(t, "the sink is not stuck: it takes all", func() bool {
				f := daemons[1].d.figures()
				return f["sink.graphite.points.made"] > f["sink.graphite.points.delivered"]
			})
			rate := 100 * daemons[0].median().Seconds() / daemons[1].median().Seconds()
			if soak.On() && rate < 95 {
				t.Errorf("the intake has %.1f %% of the rate with a healthy sink, want 95", rate)
			}
			soak.Row(t, "speed of the intake while the sink "+name,
				fmt.Sprintf("%.1f %% of the rate with a healthy sink, %.1f million lines/s", rate, float64(lines)/1e6/daemons[1].median().Seconds()), "95 %")
		})
	}
}

// intake measures how long a daemon takes to read many lines.
type intake struct {
	d     *statsd
	conn  net.Conn
	block []byte // a block of intakeBlock lines
	n     int    // number of lines in a measurement
	sent  int
	took  []time.Duration
}

const intakeBlock = 10_000

func newIntake(d *statsd, n int) *intake {
	in := &intake{d: d, conn: d.dial("tcp"), n: n}
	for i := range intakeBlock {
		in.block = fmt.Appendf(in.block, "intake.number%d:%d|c\n", i, i%7)
	}
	return in
}

func (in *intake) turn() {
	begun := time.Now()
	for range in.n / intakeBlock {
		in.d.send(in.conn, in.block)
	}
	in.sent += in.n
	eventually(in.d.t, "the lines are not read", func() bool {
		f := in.d.figures()
		return f["samples.received"]+f["pending_stats"] >= float64(in.sent)
	})
	in.took = append(in.took, time.Since(begun))
}

func (in *intake) median() time.Duration {
	slices.Sort(in.took)
	return in.took[len(in.took)/2]
}
