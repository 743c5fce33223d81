package intake

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statsd-ops/statsd/intake/probe"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

// asking runs f with an Intake in virtual time. The Intake receives only the lines that f passes to
// Inject.
func asking(t *testing.T, f func(t *testing.T, in *Intake)) {
	synctest.Test(t, func(t *testing.T) {
		in, err := Open(config())
		if err != nil {
			t.Fatal(err)
		}
		f(t, in)
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		for i, l := range in.lanes {
			if l.isProbed() {
				t.Errorf("lane %d still has a probe", i)
			}
		}
	})
}

func (l *lane) isProbed() bool {
	l.shard.Lock()
	defer l.shard.Unlock()
	return l.probes != nil
}

func TestTopAnswersAtItsDeadline(t *testing.T) {
	asking(t, func(t *testing.T, in *Intake) {
		begin := time.Now()
		go func() {
			pause := 50 * time.Millisecond // after this pause the probe has begun
			for range 50 {
				time.Sleep(pause)
				in.Inject([]byte("a.hits:1|c\na.hits:2|c\nb:x|c"))
				pause = 100 * time.Millisecond
			}
		}()
		top, err := in.Top(t.Context(), probe.TopQuery{By: probe.ByName, For: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took != 5*time.Second || top.For != took {
			t.Errorf("it took %v and says %v", took, top.For)
		}
		want := probe.Row{Name: "a.hits", Kind: "counter", Rate: 20, Share: 2. / 3}
		if len(top.Rows) != 1 || top.Rows[0] != want || top.Of != 150 || top.Seen != 150 || top.Every != 1 || top.Receivers != 2 {
			t.Errorf("got %+v", top)
		}
		in.Inject([]byte("late:1|c"))
	})
}

// A second client with the same query gets the same answer as the first client. A different query
// of the same type gets an error, and so does a query that would need a third probe.
func TestConcurrentAskers(t *testing.T) {
	asking(t, func(t *testing.T, in *Intake) {
		var answers [3]*probe.Top
		var asking sync.WaitGroup
		for i := range answers {
			asking.Go(func() {
				time.Sleep(time.Duration(i) * time.Second)
				var err error
				if answers[i], err = in.Top(t.Context(), probe.TopQuery{By: probe.ByKind, For: 5 * time.Second}); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(2500 * time.Millisecond)
		isBusy := func(what string, err error, left time.Duration) {
			t.Helper()
			var busy *probe.Busy
			if !errors.As(err, &busy) || busy.Running != what || busy.Left != left {
				t.Errorf("got %v, want busy with %s for %v", err, what, left)
			}
		}
		_, err := in.Top(t.Context(), probe.TopQuery{By: probe.ByName, For: time.Second})
		isBusy("top by kind", err, 2500*time.Millisecond)
		tail, err := in.Tail(probe.TailQuery{Match: "a*", For: time.Second, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		_, err = in.Senders(t.Context(), probe.SendersQuery{Match: "*", For: time.Second})
		isBusy("tail of a*", err, time.Second)
		_, err = in.Tail(probe.TailQuery{Match: "b*", For: time.Second, Limit: 10})
		isBusy("tail of a*", err, time.Second)
		for range tail.Lines {
		}
		tail.Close()
		senders, err := in.Senders(t.Context(), probe.SendersQuery{Match: "*", For: time.Second})
		if err != nil || senders.For != time.Second {
			t.Errorf("got %v, %v", senders, err)
		}
		asking.Wait()
		if answers[0] != answers[1] || answers[0] != answers[2] || answers[0] == nil {
			t.Error("the answers differ")
		}
		if _, err := in.Top(t.Context(), probe.TopQuery{By: probe.ByName, For: time.Second}); err != nil {
			t.Error(err)
		}
	})
}

// A probe runs as long as at least one of its callers waits.
func TestAskersDie(t *testing.T) {
	asking(t, func(t *testing.T, in *Intake) {
		ask := func(ctx context.Context) error {
			_, err := in.Top(ctx, probe.TopQuery{By: probe.ByName, For: 20 * time.Second})
			return err
		}
		first, die := context.WithTimeout(t.Context(), time.Second)
		defer die()
		var second error
		var waiting sync.WaitGroup
		waiting.Go(func() { second = ask(t.Context()) })
		if err := ask(first); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		in.Inject([]byte("a:1|c"))
		if !in.lanes[0].isProbed() {
			t.Error("the probe has ended with its first asker")
		}
		waiting.Wait()
		if second != nil {
			t.Error(second)
		}
		third, die := context.WithTimeout(t.Context(), time.Second)
		defer die()
		if err := ask(third); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
		if in.lanes[0].isProbed() {
			t.Error("no one waits, and the probe goes on")
		}
	})
}

// A receiver removes a probe when the time of the probe is over.
func TestLanesDropProbes(t *testing.T) {
	asking(t, func(t *testing.T, in *Intake) {
		for _, l := range in.lanes {
			l.probes = probe.NewLane(time.Now())
			looks, err := probe.NewTop(probe.TopQuery{By: probe.ByName}, in.cfg.NameForm(), 1, time.Now().Add(time.Second))
			if err != nil {
				t.Fatal(err)
			}
			l.probes.Add(looks[0])
		}
		in.Inject([]byte("a:1|c"))
		if !in.lanes[0].isProbed() {
			t.Error("dropped too early")
		}
		time.Sleep(time.Second)
		for _, l := range in.lanes {
			l.shard.Lock()
			l.end(l.begin(&l.own, true))
			l.shard.Unlock()
		}
	})
}

func TestTailStreams(t *testing.T) {
	asking(t, func(t *testing.T, in *Intake) {
		tail, err := in.Tail(probe.TailQuery{Match: "api.*", For: 3 * time.Second, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		stalled, err := in.Tail(probe.TailQuery{Match: "api.*", For: 3 * time.Second, Limit: 5})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for i := range 100 {
				in.Inject(fmt.Appendf(nil, "api.n%d:1|c\nother:1|c\napi.bad:x|ms", i))
				time.Sleep(10 * time.Millisecond)
			}
		}()
		n := 0
		for line := range tail.Lines {
			want := fmt.Sprintf("api.n%d", n/2)
			if n%2 == 0 && (line.Name != want || line.Kind != metric.Counter || line.Reason != metric.None) ||
				n%2 == 1 && (line.Reason != metric.BadValue || line.At != 8 || string(line.Text) != "api.bad:x|ms") {
				t.Errorf("line %d is %+v", n, line)
			}
			n++
		}
		if c := tail.Counts(); n < 100 || c.Shown != uint64(n) || c.Matching != 200 || c.Skipped != 200-c.Shown || c.Of != 300 {
			t.Errorf("got %d lines: %+v", n, c)
		}
		if c := stalled.Counts(); c.Shown != 5 || c.Matching != 200 || c.Skipped != 195 {
			t.Errorf("the stalled reader has %+v", c)
		}
		tail.Close()
		stalled.Close()
	})
}

// A tail ends as soon as its reader closes it.
func TestTailCloses(t *testing.T) {
	asking(t, func(t *testing.T, in *Intake) {
		for range 3 {
			tail, err := in.Tail(probe.TailQuery{For: 30 * time.Second, Limit: 1})
			if err != nil {
				t.Fatal(err)
			}
			tail.Close()
			for range tail.Lines {
				t.Error("a line")
			}
		}
	})
}

// When the Intake ends, running probes answer with the samples seen so far. Later queries get an
// error.
func TestProbesEndWithIntake(t *testing.T) {
	asking(t, func(t *testing.T, in *Intake) {
		go func() {
			time.Sleep(time.Second)
			in.probes.end()
		}()
		tail, err := in.Tail(probe.TailQuery{For: 30 * time.Second, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer tail.Close()
		top, err := in.Top(t.Context(), probe.TopQuery{By: probe.ByName, For: 30 * time.Second})
		if err != nil || top.For != time.Second {
			t.Errorf("got %+v, %v", top, err)
		}
		for range tail.Lines {
		}
		if _, err := in.Top(t.Context(), probe.TopQuery{By: probe.ByName, For: time.Second}); !errors.Is(err, ErrEnding) {
			t.Errorf("got %v", err)
		}
	})
}

// Clients over UDP and TCP appear as senders with their transports. The kernel is asked for senders
// only while the probe runs.
func TestSendersOfClients(t *testing.T) {
	cfg := config()
	cfg.Receivers, cfg.DiscardSenders = 1, SendersOff
	in := start(t, cfg)
	conns := []net.Conn{in.dial("udp"), in.dial("tcp")}
	done := make(chan struct{})
	var sending sync.WaitGroup
	for _, c := range conns {
		sending.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(time.Millisecond):
					send(t, c, "web.hits:1|c\nweb.hits:2|c\nweb.bad:x|c\n")
				}
			}
		})
	}
	defer sending.Wait()
	defer close(done)
	eventually(t, "senders are not found", func() bool {
		got, err := in.Senders(t.Context(), probe.SendersQuery{Match: "web.*", For: 200 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		found := map[probe.Transport]bool{}
		for _, s := range got.Rows {
			if s.Name != "127.0.0.1" || s.Most != "web.hits" || s.Bad == 0 || string(s.LastBad) != "web.bad:x|c" || s.Reason != metric.BadValue {
				t.Errorf("got %+v", s)
			}
			found[s.Over] = true
		}
		return found[probe.UDP] && found[probe.TCP]
	})
	if in.lanes[0].isProbed() {
		t.Error("the probe is still there")
	}
	eventually(t, "the kernel is still asked for senders", func() bool {
		return slices.ContainsFunc(in.BadLines()[:4], func(b meta.BadLine) bool { return !b.Sender.Known() })
	})
}

// After a bad line all receivers ask the kernel for senders, not only the receiver that got the line.
func TestSendersAfterBadLine(t *testing.T) {
	cfg := config()
	cfg.Receivers, cfg.DiscardSenders = 4, SendersAuto
	in := start(t, cfg)
	sent := uint64(0)
	say := func(conn net.Conn, text string) {
		send(t, conn, text)
		sent++
		eventually(t, "a datagram is missing", func() bool { return in.Live().UDPPackets == sent })
	}
	say(in.dial("udp"), "bad")
	for range 16 { // the kernel spreads these clients over the receivers
		conn := in.dial("udp")
		say(conn, "good:1|c") // after this, the receiver knows of the bad line
		say(conn, "bad")
		if got := in.BadLines()[0].Sender.String(); got != conn.LocalAddr().String() {
			t.Errorf("got the sender %s, want %s", got, conn.LocalAddr())
		}
	}
}

// Without a running probe, the code for probes allocates nothing.
func TestProbesWithoutQuestion(t *testing.T) {
	in, err := Open(config())
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	datagram := []byte("web.hits:1|c\nweb.ms:2|ms|@0.5\nweb.level:3|g")
	take := func() { in.Inject(datagram) }
	for range 100 {
		take()
	}
	if n := testing.AllocsPerRun(1000, take); n > 1 { // the copy of the parser in Inject is one allocation
		t.Errorf("%v allocations", n)
	}
}
