package server

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

// balance checks that the counts of samples and of each sink's points add up: each one is
// delivered, or counted as lost.
func balance(t *testing.T, s *Server, sinks ...string) {
	t.Helper()
	figures := map[string]float64{}
	for _, f := range s.Figures() {
		figures[f.Name] = f.Value
	}
	if got := figures["samples.aggregated"] + figures["metrics.discarded"] + figures["samples.refused"]; got != figures["samples.received"] {
		t.Errorf("samples: %v received, %v aggregated, %v discarded, %v refused", figures["samples.received"],
			figures["samples.aggregated"], figures["metrics.discarded"], figures["samples.refused"])
	}
	reasons := 0.0
	for name, v := range figures {
		if strings.HasPrefix(name, "metrics.discarded.") {
			reasons += v
		}
	}
	if reasons != figures["metrics.discarded"] {
		t.Errorf("%v discarded, %v for the reasons together", figures["metrics.discarded"], reasons)
	}
	for _, name := range sinks {
		p := "sink." + name + ".points."
		in := figures[p+"made"] + figures[p+"recovered"]
		if out := figures[p+"delivered"] + figures[p+"queued"] + figures[p+"spooled"] + figures[p+"dropped"]; in != out {
			t.Errorf("%s: %v points came, %v are accounted for", name, in, out)
		}
	}
}

// Clients send good lines, bad lines and too many names. One sink fails several times, and another
// one fails until the end. Every sample and point is accounted for at each flush and at the end.
func TestLedger(t *testing.T) {
	t.Parallel()
	flapping, dead := sinktest.NewRecorder(), sinktest.NewRecorder()
	cfg := config()
	cfg.FlushInterval = 50 * time.Millisecond
	cfg.GaugeExpire = time.Second
	cfg.MaxNames = 1_000
	cfg.MaxSetMembers = 10
	cfg.QueueBytes = 1 << 20
	cfg.Sinks = []delivery.Destination{{Name: "flapping", Sink: flapping}, {Name: "dead", Sink: dead}}
	d := start(t, cfg)
	dead.Fail(errors.New("dead"))

	const senders, rounds = 4, 60
	var clients sync.WaitGroup
	for i := range senders {
		conn := d.dial([]string{"udp", "tcp"}[i%2])
		clients.Go(func() {
			for round := range rounds {
				var lines strings.Builder
				for n := range 30 {
					fmt.Fprintf(&lines, "name.%d.%d:1|c\nuser:%d|s\ntime:%d|ms\n", i, round*30+n, round*30+n, n)
				}
				lines.WriteString("bad\nbad:x|c\nbad:1|c|@7\n:1|c\n_sc|svc|0\n")
				send(t, conn, lines.String())
				time.Sleep(15 * time.Millisecond)
			}
			_ = conn.Close()
		})
	}
	sent := make(chan struct{})
	go func() {
		clients.Wait()
		close(sent)
	}()
	for i := 0; ; i++ {
		balance(t, d.Server, "recorder", "flapping", "dead")
		switch i % 4 {
		case 0:
			flapping.Fail(errors.New("flapping"))
		case 1:
			flapping.Recover()
		case 2:
			flapping.Hang()
		}
		select {
		case <-sent:
		case <-time.After(20 * time.Millisecond):
			continue
		}
		break
	}
	if len(dead.Points()) > 0 {
		t.Error("a dead sink has taken points")
	}
	flapping.Recover()
	d.end()
	dead.Recover() // the sink works again within the grace period
	d.stop()

	balance(t, d.Server, "recorder", "flapping", "dead")
	lines := float64(senders*rounds)*(30*3+5) - 95*figureOf(t, d.Server, "udp.kernel_dropped")
	check(t, d.Server, fmt.Sprint("lines.received ", lines), fmt.Sprint("samples.received ", lines/95*94),
		fmt.Sprint("metrics.discarded ", lines/95*4), fmt.Sprint("metrics.events ", lines/95))
	if figureOf(t, d.Server, "samples.refused") == 0 {
		t.Error("nothing was refused, despite the limits")
	}
	for i, r := range []*sinktest.Recorder{d.Recorder, flapping, dead} {
		st := d.Server.out.States()[i]
		if st.Made+st.Recovered != st.Delivered+st.Waiting()+st.Dropped || st.Delivered != uint64(len(r.Points())) {
			t.Errorf("%s at the end: %+v, %d points came", st.Name, st.Ledger, len(r.Points()))
		}
		if st.Waiting() != 0 {
			t.Errorf("%s: %d points undelivered", st.Name, st.Waiting())
		}
		if st.Dropped > 0 && r != dead {
			t.Errorf("%s: %d points dropped", st.Name, st.Dropped)
		}
	}
	checkSame(t, d.Recorder, flapping)
}

// checkSame checks that two sinks received the same points in the same order.
func checkSame(t *testing.T, a, b *sinktest.Recorder) {
	t.Helper()
	one, other := a.Points(), b.Points()
	if len(one) != len(other) {
		t.Fatalf("%d points here, %d there", len(one), len(other))
	}
	for i := range one {
		if one[i] != other[i] {
			t.Fatalf("point %d: %v here, %v there", i, one[i], other[i])
		}
	}
}
