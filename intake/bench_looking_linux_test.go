package intake

import (
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/statsd-ops/statsd/intake/kernel"
)

// BenchmarkLooking measures the cost of probes for a receiver, as ratios of CPU time in one run:
//
//	idle/bare        receiving while no query runs, compared with code without probes: at most 1.01
//	top/idle         receiving while a top query runs, compared with no query: at most 1.05
//	senders/idle     receiving while a senders query runs, compared with no query: at most 1.15
//
// The receivers of the four variants take turns. An operation is one datagram for each of them. The time for sending is
// not counted. Sending must be quick: a probe may always use 0.1 % of the elapsed time, so with slow sending it would
// cost more per datagram.
func BenchmarkLooking(b *testing.B) {
	for _, lines := range []int{1, 20} {
		b.Run(fmt.Sprintf("lines=%d", lines), func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			var datagrams []byte
			for i := range turnDatagrams {
				line := fmt.Sprintf("app.web-03.api.get.status_%03d:1|c\n", i)
				datagrams = append(datagrams, strings.Repeat(line, lines)...)
			}
			bare, idle, top, senders := newTurn(b, datagrams), newTurn(b, datagrams), newTurn(b, datagrams), newTurn(b, datagrams)
			bare.take = bare.takeBare
			defer askAll(b, top.in, askTop)()
			defer askAll(b, senders.in, askSenders)()

			takeTurns(b, bare, idle, top, senders)
			b.ReportMetric(idle.ratio(bare), "idle/bare")
			b.ReportMetric(top.ratio(idle), "top/idle")
			b.ReportMetric(senders.ratio(idle), "senders/idle")
		})
	}
}

// takeTurns lets each of the receivers receive b.N datagrams.
func takeTurns(b *testing.B, turns ...*turn) {
	const roundsPerShare = 100
	b.ResetTimer()
	for done := 0; done < b.N; {
		for round := range roundsPerShare {
			for i := range turns {
				turns[(i+round)%len(turns)].receive(b)
			}
			done += turnDatagrams
		}
		for _, t := range turns {
			t.shares = append(t.shares, t.spent)
			t.spent = 0
		}
	}
}

// turnDatagrams is the number of datagrams that a receiver gets in one turn. The smallest receive
// buffer has space for these datagrams.
const turnDatagrams = kernel.Batch

// turn is one of the receivers that takeTurns compares.
type turn struct {
	in        *Intake
	client    net.Conn
	datagrams []byte
	r         *receiver
	take      func(n int) int
	spent     time.Duration   // CPU time of the rounds so far
	shares    []time.Duration // CPU times of the earlier groups of roundsPerShare rounds
}

func newTurn(b *testing.B, datagrams []byte) *turn {
	cfg := config()
	cfg.Receivers, cfg.DiscardSenders = 1, SendersAuto
	in, err := Open(cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = in.Close() })
	t := &turn{in: in, client: train(b, in.Addr().String(), len(datagrams)/turnDatagrams), datagrams: datagrams, r: in.receivers[0]}
	t.r.socket.WantTrains(false)
	t.take = t.r.take
	return t
}

// takeBare does the same as receiver.take, without the code for probes.
func (t *turn) takeBare(n int) (bytes int) {
	t.r.lane.shard.Lock()
	bytes, bad := t.r.takeDatagrams(0, n)
	t.r.stamps.note(n, t.r.lane.shard.Gauges())
	t.r.lane.shard.Unlock()
	if bad {
		panic("a bad line")
	}
	return bytes
}

// receive sends the datagrams of one turn, and measures the CPU time of receiving them.
func (t *turn) receive(b *testing.B) {
	if _, err := t.client.Write(t.datagrams); err != nil {
		b.Fatal(err)
	}
	start := threadTime()
	tally := &t.r.lane.tally // no other goroutine uses this tally during the benchmark
	for want := tally.UDPPackets + turnDatagrams; tally.UDPPackets < want; {
		n, err := t.r.socket.Read(false)
		if err != nil {
			b.Fatal(err)
		}
		t.take(n)
	}
	t.spent += threadTime() - start
}

// ratio compares the CPU times of two receivers. It divides each element of t.shares by the same element of to.shares,
// and returns the median of these ratios.
func (t *turn) ratio(to *turn) float64 {
	ratios := make([]float64, len(t.shares))
	for i, share := range t.shares {
		ratios[i] = float64(share) / float64(to.shares[i])
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

// threadTime returns the CPU time of the calling thread.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}
