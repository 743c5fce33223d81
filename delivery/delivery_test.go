package delivery

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

func TestMain(m *testing.M) {
	wait.Beside()
	m.Run()
}

// inVirtualTime runs a Delivery with destinations, and the function test, in virtual time.
func inVirtualTime(t *testing.T, spool bool, destinations []Destination, test func(t *testing.T, d *Delivery, log *counterpart.Output)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := spoolConfig(t)
		if !spool {
			cfg.SpoolDir = ""
		}
		cfg.Sinks, cfg.Grace, cfg.QueueBytes = destinations, 5*time.Second, payloadBytes
		log := &counterpart.Output{}
		cfg.Log = zerolog.New(log)
		d, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		d.Start(context.Background())
		test(t, d, log)
		time.AfterFunc(cfg.Grace, d.CutOff)
		d.End()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
}

// checkLedger checks the counts of each destination. The number of units (points or rows) that came
// in must equal the number of delivered, waiting and dropped units. checkLedger returns the state
// of the first destination.
func checkLedger(t *testing.T, d *Delivery) State {
	t.Helper()
	states := d.States()
	for _, st := range states {
		if in, out := st.Made+st.Recovered, st.Delivered+st.Waiting()+st.Dropped; in != out {
			t.Errorf("%s: %d came in, %d went out: %+v", st.Name, in, out, st.Ledger)
		}
	}
	return states[0]
}

// A payload that the receiver refuses permanently is dropped and counted, whether it was in memory
// or in the spool. The next payload is sent.
func TestRefused(t *testing.T) {
	for name, spool := range map[string]bool{"in memory": false, "from the spool": true} {
		t.Run(name, func(t *testing.T) {
			r := sinktest.NewRecorder()
			inVirtualTime(t, spool, []Destination{{Name: "main", Sink: r}}, func(t *testing.T, d *Delivery, log *counterpart.Output) {
				r.Fail(errors.New("down"))
				d.Offer(flushOf(1, 10), time.Second)
				d.Offer(flushOf(2, 20), time.Second)
				time.Sleep(20 * time.Second)
				if st := d.States()[0]; st.Waiting() != 30 || spool != (st.Spooled > 0) {
					t.Fatalf("%+v", st.Ledger)
				}
				r.Fail(&sink.Refused{Err: errors.New("400: what is this?")})
				time.Sleep(20 * time.Second)
				r.Recover()
				d.Offer(flushOf(3, 40), time.Second)
				time.Sleep(20 * time.Second)
				st := checkLedger(t, d)
				if st.Reasons.Refused != 30 || st.Dropped != 30 || st.Delivered != 40 || st.Failing {
					t.Errorf("%+v, failing %v; want 30 refused and 40 delivered", st.Ledger, st.Failing)
				}
				if got := len(r.Points()); got != 40 {
					t.Errorf("%d points came, want 40", got)
				}
				if !strings.Contains(log.String(), "400: what is this?") {
					t.Errorf("the log does not have the receiver's words:\n%s", log)
				}
			})
		})
	}
}

// If a receiver refuses only a part of each payload, the other part is delivered. The log has at
// most one message a minute.
func TestPartlyRefused(t *testing.T) {
	for name, spool := range map[string]bool{"in memory": false, "from the spool": true} {
		t.Run(name, func(t *testing.T) {
			r := sinktest.NewRecorder()
			inVirtualTime(t, spool, []Destination{{Name: "main", Sink: r}}, func(t *testing.T, d *Delivery, log *counterpart.Output) {
				r.Fail(errors.New("down"))
				for i := range 5 {
					d.Offer(flushOf(int64(i), 10), time.Second)
					time.Sleep(time.Second)
				}
				time.Sleep(20 * time.Second)
				r.Fail(&sink.Refused{Err: errors.New("partial write"), Units: 3})
				time.Sleep(20 * time.Second)
				st := checkLedger(t, d)
				if st.Reasons.Refused != 15 || st.Delivered != 35 || st.Published.IsZero() {
					t.Errorf("%+v; want 15 refused and 35 delivered", st.Ledger)
				}
				if n := strings.Count(log.String(), "partial write"); n != 1 {
					t.Errorf("the log reports refusals %d times, want once a minute:\n%s", n, log)
				}
			})
		})
	}
}

// If a receiver names a time for the next attempt, nothing is sent earlier.
func TestLater(t *testing.T) {
	r := sinktest.NewRecorder()
	inVirtualTime(t, false, []Destination{{Name: "main", Sink: r}}, func(t *testing.T, d *Delivery, _ *counterpart.Output) {
		r.Fail(&sink.Later{Err: errors.New("503"), After: 40 * time.Second})
		d.Offer(flushOf(1, 10), time.Second)
		time.Sleep(39 * time.Second)
		if n := r.Attempts(); n != 1 {
			t.Errorf("%d attempts in 39 s, want 1", n)
		}
		r.Fail(&sink.Later{Err: errors.New("503"), After: time.Hour})
		time.Sleep(2 * time.Second)
		r.Recover()
		time.Sleep(sink.MaxLater)
		if st := checkLedger(t, d); st.Delivered != 10 {
			t.Errorf("%+v, want 10 delivered: a pause has a bound", st.Ledger)
		}
	})
}

// rowRecorder is a sinktest.Recorder that takes rows.
type rowRecorder struct{ *sinktest.Recorder }

func (r rowRecorder) AppendPoint() {} // hides the method AppendPoint of sinktest.Recorder

func (r rowRecorder) AppendRow(dst []byte, row *metric.Row) []byte {
	if string(row.Name) == "unsendable" {
		return dst
	}
	return r.Recorder.AppendPoint(dst, metric.Point{Path: row.Name, Value: float64(len(row.Stats)), Time: row.Time})
}

// A RowSink gets a row for each name. The counts of its destination are counts of rows, not of
// points.
func TestRowSink(t *testing.T) {
	r := rowRecorder{sinktest.NewRecorder()}
	inVirtualTime(t, false, []Destination{{Name: "main", Sink: r, ExpBins: 20}, {Name: "points", Sink: sinktest.NewRecorder()}},
		func(t *testing.T, d *Delivery, _ *counterpart.Output) {
			table := aggregate.NewTable(aggregate.Config{Shards: 1, MaxNames: 10, MaxNameLength: 100, MaxTimerSamples: 10, Expire: [metric.Kinds]uint32{1, 1, 1, 1}})
			s := table.Shard(0)
			s.Lock()
			for _, name := range []string{"a", "b", "unsendable"} {
				s.Add(&metric.Sample{Kind: metric.Timer, Name: []byte(name), Value: 1, Weight: 1})
			}
			s.Unlock()
			layout := aggregate.Reference.Layout()
			if layout.Rows, layout.ExpBins = d.Rows(); !layout.Rows || layout.ExpBins != 20 {
				t.Fatalf("rows %v with %d bins, want rows with 20", layout.Rows, layout.ExpBins)
			}
			d.Offer(table.Drain(nil).Summarize(layout, 10), time.Second)
			time.Sleep(time.Second)
			st := checkLedger(t, d)
			if st.Made != 3 || st.Delivered != 2 || st.Reasons.Unsendable != 1 {
				t.Errorf("%+v; want 2 of 3 rows delivered", st.Ledger)
			}
			if points := d.States()[1]; points.Made != 15 {
				t.Errorf("the other sink got %d points, want 15", points.Made)
			}
		})
}

// A receiver acknowledges all bytes and then resets the connection. After the second such attempt
// in a row, the log contains advice. The points do not count as delivered.
func TestUnconfirmed(t *testing.T) {
	r := sinktest.NewRecorder()
	inVirtualTime(t, false, []Destination{{Name: "main", Sink: r}}, func(t *testing.T, d *Delivery, log *counterpart.Output) {
		r.Fail(&sink.Unconfirmed{Err: errors.New("reset")})
		d.Offer(flushOf(1, 10), time.Second)
		synctest.Wait()
		if strings.Contains(log.String(), "keep-open") {
			t.Errorf("the hint came at the first reset:\n%s", log)
		}
		time.Sleep(time.Minute)
		if n := strings.Count(log.String(), "keep-open"); n != 1 {
			t.Errorf("the hint was logged %d times:\n%s", n, log)
		}
		if st := d.States()[0]; st.Unconfirmed < 2 || st.Waiting() != 10 {
			t.Errorf("%d unconfirmed attempts, %d points wait", st.Unconfirmed, st.Waiting())
		}
		r.Recover()
		time.Sleep(time.Minute)
		if st := checkLedger(t, d); st.Unconfirmed != 0 || st.Delivered != 10 {
			t.Errorf("%d unconfirmed attempts, %d points delivered", st.Unconfirmed, st.Delivered)
		}
	})
}

// A flush is settled as soon as it is delivered, spooled, or dropped and counted. A flush is also settled if it has no
// points, or only points that the format cannot represent.
func TestSettled(t *testing.T) {
	r, other := sinktest.NewRecorder(), sinktest.NewRecorder()
	inVirtualTime(t, false, []Destination{{Name: "main", Sink: r}, {Name: "other", Sink: other}}, func(t *testing.T, d *Delivery, _ *counterpart.Output) {
		at := func(want uint64, why string) {
			t.Helper()
			synctest.Wait()
			if got := d.Settled(); got != want {
				t.Errorf("settled up to %d, want %d: %s", got, want, why)
			}
		}
		at(d.Offer(flushOf(10, 5), time.Second), "delivered")
		r.Fail(errors.New("down"))
		waits := d.Offer(flushOf(20, 5), time.Second)
		last := d.OfferPast(flushOf(5, 5), time.Second)
		at(waits-1, "it waits")
		if st := d.States()[0]; st.Oldest != 20 {
			t.Errorf("the oldest that waits is %d, want 20", st.Oldest)
		}
		r.Recover()
		time.Sleep(time.Minute)
		at(last, "delivered")
		at(d.Offer(flushOf(30, 0), time.Second), "empty")
		unsendable := flushOf(40, 0)
		unsendable.Own = []metric.Point{{Path: []byte("two words"), Value: 1, Time: 40}}
		at(d.Offer(unsendable, time.Second), "dropped")
		if st := d.States()[0]; st.Oldest != 0 {
			t.Errorf("the oldest that waits is %d, want none", st.Oldest)
		}
	})
}

// Flushes in the spool are settled, but not delivered. So State.Oldest is still the time of the
// oldest flush in the spool.
func TestSettledInSpool(t *testing.T) {
	r := sinktest.NewRecorder()
	inVirtualTime(t, true, []Destination{{Name: "main", Sink: r}}, func(t *testing.T, d *Delivery, _ *counterpart.Output) {
		r.Fail(errors.New("down"))
		d.Offer(flushOf(10, 5), time.Second)
		last := d.Offer(flushOf(20, 5), time.Second)
		time.Sleep(time.Minute)
		if st := d.States()[0]; d.Settled() != last || st.Oldest != 10 || st.Spooled != 10 {
			t.Errorf("settled up to %d, oldest %d, %d spooled; want %d, 10, 10", d.Settled(), st.Oldest, st.Spooled, last)
		}
		r.Recover()
		time.Sleep(time.Minute)
		if st := d.States()[0]; st.Oldest != 0 {
			t.Errorf("the oldest that waits is %d, want none", st.Oldest)
		}
	})
}

// AwaitRoom returns when a working receiver has accepted most of the points. It does not wait for a
// failing receiver.
func TestAwaitRoom(t *testing.T) {
	r := sinktest.NewRecorder()
	inVirtualTime(t, false, []Destination{{Name: "main", Sink: r}}, func(t *testing.T, d *Delivery, _ *counterpart.Output) {
		r.Hang()
		for at := range int64(4) {
			d.OfferPast(flushOf(at+1, 200_000), time.Second)
		}
		room := make(chan struct{})
		go func() {
			defer close(room)
			d.AwaitRoom(t.Context())
		}()
		synctest.Wait()
		select {
		case <-room:
			t.Error("there is room, though nothing is delivered")
		default:
		}
		r.Recover()
		<-room
		r.Fail(errors.New("down"))
		d.OfferPast(flushOf(9, 200_000), time.Second)
		time.Sleep(time.Minute)
		d.AwaitRoom(t.Context())
	})
}

// The log says how long publishing failed and how many points were lost.
func TestLogOfOutage(t *testing.T) {
	r := sinktest.NewRecorder()
	inVirtualTime(t, false, []Destination{{Name: "main", Sink: r}}, func(t *testing.T, d *Delivery, log *counterpart.Output) {
		r.Fail(errors.New("down"))
		for at := range int64(10) {
			d.Offer(flushOf(at+1, 30_000), time.Second)
			time.Sleep(time.Second)
		}
		r.Recover()
		time.Sleep(time.Minute)
		st := checkLedger(t, d)
		if st.Dropped < 1000 {
			t.Fatalf("the queue dropped %d points, too few to see thousands", st.Dropped)
		}
		if want := fmt.Sprintf("; %d,%03d points were dropped", st.Dropped/1000, st.Dropped%1000); !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, log)
		}
	})
}

// TestLife checks the phases of a destination's life, for each order of reloads and shutdown.
func TestLife(t *testing.T) {
	for name, test := range map[string]struct {
		steps func(l *life)
		want  phase
		late  bool
		alive bool // result of revive at the end
	}{
		"serving":                  {func(*life) {}, serving, false, true},
		"retired":                  {func(l *life) { l.retire(time.Hour) }, retired, false, true},
		"revived":                  {func(l *life) { l.retire(time.Hour); l.revive() }, serving, false, true},
		"retired twice":            {func(l *life) { l.retire(time.Hour); l.retire(time.Nanosecond) }, retired, false, true},
		"grace over":               {func(l *life) { l.retire(time.Second); time.Sleep(2 * time.Second) }, ending, true, false},
		"revived in time":          {func(l *life) { l.retire(time.Second); l.revive(); time.Sleep(2 * time.Second) }, serving, false, true},
		"nothing left":             {func(l *life) { l.retire(time.Hour); l.mu.Lock(); l.finish(); l.mu.Unlock() }, ending, false, false},
		"nothing left, serving":    {func(l *life) { l.mu.Lock(); l.finish(); l.mu.Unlock() }, serving, false, true},
		"ending":                   {func(l *life) { l.end() }, ending, false, false},
		"ending, then retired":     {func(l *life) { l.end(); l.retire(time.Second); time.Sleep(2 * time.Second) }, ending, false, false},
		"retired, then ending":     {func(l *life) { l.retire(time.Second); l.end(); time.Sleep(2 * time.Second) }, ending, true, false},
		"cut off, then ending":     {func(l *life) { l.cut(); l.end() }, ending, true, false},
		"over":                     {func(l *life) { l.over() }, ended, false, false},
		"over, then cut off":       {func(l *life) { l.over(); l.cut(); l.end() }, ended, true, false},
		"over, while grace passes": {func(l *life) { l.retire(time.Second); l.over(); time.Sleep(2 * time.Second) }, ended, false, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLife()
			test.steps(l)
			synctest.Wait()
			if l.phase != test.want || l.late != test.late {
				t.Errorf("%s: phase %d, cut off %v; want %d, %v", name, l.phase, l.late, test.want, test.late)
			}
			if alive, _ := l.revive(); alive != test.alive {
				t.Errorf("%s: revive says alive %v, want %v", name, alive, test.alive)
			}
			if l.limit != nil {
				l.limit.Stop()
			}
		})
	}
}

// batch returns a batch of payloads of one unit each.
func batch(at int64, payloads ...string) Batch {
	return Batch{Time: at, Units: len(payloads), Encode: func(emit func([]byte, int)) {
		for _, p := range payloads {
			emit(sinktest.NewRecorder().AppendPoint(nil, metric.Point{Path: []byte(p), Time: at}), 1)
		}
	}}
}

// A destination that forwards gets its batches in order. It gets no flushes. Other destinations get
// no batches.
func TestForward(t *testing.T) {
	forwards, publishes := sinktest.NewRecorder(), sinktest.NewRecorder()
	destinations := []Destination{{Name: "forward", Sink: forwards, Forwards: true}, {Name: "s", Sink: publishes}}
	inVirtualTime(t, true, destinations, func(t *testing.T, d *Delivery, log *counterpart.Output) {
		forwards.Fail(errors.New("down"))
		for at := range int64(3) {
			d.Offer(flushOf(at+1, 1), time.Second)
			d.Forward("forward", batch(at+1, "a", "b"), time.Second)
			time.Sleep(time.Second)
		}
		if st := checkLedger(t, d); st.Spooled != 6 || st.Queued != 0 {
			t.Errorf("%d rows in the spool, %d in memory, want all in the spool", st.Spooled, st.Queued)
		}
		forwards.Recover()
		time.Sleep(2 * lastRetry)
		if st := checkLedger(t, d); st.Delivered != 6 || !st.Forwards {
			t.Errorf("%d rows are delivered, want 6", st.Delivered)
		}
		var got []string
		for _, p := range forwards.Points() {
			got = append(got, fmt.Sprint(p.Path, p.Time))
		}
		if want := []string{"a1", "b1", "a2", "b2", "a3", "b3"}; !slices.Equal(got, want) {
			t.Errorf("forwarded %v, want %v", got, want)
		}
		for _, want := range []string{"forwarding failed; retrying until it works", `"rows":1`, "forwarding works again after"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log does not say %q: %s", want, log)
			}
		}
		if st := d.States()[1]; st.Made != 3 || st.Delivered != 3 {
			t.Errorf("the sink got %+v", st.Ledger)
		}
	})
}

// While a payload of a batch is being sent, it is in the spool. So a crash of the process loses
// nothing.
func TestForwardFromSpool(t *testing.T) {
	forwards := sinktest.NewRecorder()
	inVirtualTime(t, true, []Destination{{Name: "forward", Sink: forwards, Forwards: true}}, func(t *testing.T, d *Delivery, _ *counterpart.Output) {
		forwards.Hang()
		d.Forward("forward", batch(1, "a"), time.Second)
		synctest.Wait()
		if st := checkLedger(t, d); st.Spooled != 1 {
			t.Errorf("%d rows in the spool while one is being sent", st.Spooled)
		}
		forwards.Recover()
		synctest.Wait()
		if st := checkLedger(t, d); st.Delivered != 1 {
			t.Errorf("%d rows are delivered, want 1", st.Delivered)
		}
	})
}

// After an outage, a destination that forwards sends its backlog at least 20 times as fast as
// flushes make new rows. This rate may exceed --replay-rate.
func TestForwardReplay(t *testing.T) {
	const flushes, rows, interval = 60, 100_000, 10 * time.Second
	forwards := sinktest.NewRecorder()
	inVirtualTime(t, true, []Destination{{Name: "forward", Sink: forwards, Forwards: true}}, func(t *testing.T, d *Delivery, _ *counterpart.Output) {
		forwards.Fail(errors.New("down"))
		for at := range int64(flushes) {
			d.Forward("forward", Batch{Time: at, Units: rows, Encode: func(emit func([]byte, int)) {
				emit(sinktest.NewRecorder().AppendPoint(nil, metric.Point{Path: []byte("p"), Time: at}), rows)
			}}, interval)
			time.Sleep(interval)
		}
		forwards.Recover()
		time.Sleep(lastForwardRetry*12/10 + flushes*interval/20)
		if st := checkLedger(t, d); st.Delivered != flushes*rows {
			t.Errorf("%d of %d rows are delivered in a 20th of the time", st.Delivered, flushes*rows)
		}
	})
}

// A destination that forwards waits at most about lastForwardRetry between two attempts, however long the outage was.
func TestForwardRetry(t *testing.T) {
	forwards := sinktest.NewRecorder()
	inVirtualTime(t, false, []Destination{{Name: "forward", Sink: forwards, Forwards: true}}, func(t *testing.T, d *Delivery, _ *counterpart.Output) {
		forwards.Fail(errors.New("down"))
		d.Forward("forward", Batch{Time: 1, Units: 1, Encode: func(emit func([]byte, int)) {
			emit(sinktest.NewRecorder().AppendPoint(nil, metric.Point{Path: []byte("p"), Time: 1}), 1)
		}}, time.Second)
		for range 20 { // at different moments between two attempts
			time.Sleep(61*time.Second + 300*time.Millisecond)
			tries := forwards.Attempts()
			time.Sleep(lastForwardRetry * 12 / 10)
			if forwards.Attempts() == tries {
				t.Errorf("no attempt within %v", lastForwardRetry*12/10)
			}
		}
		forwards.Recover()
		time.Sleep(lastForwardRetry * 12 / 10)
		if st := checkLedger(t, d); st.Delivered != 1 {
			t.Errorf("%d rows are delivered", st.Delivered)
		}
	})
}

// When too many flushes wait to be encoded, the oldest flushes are dropped. Up to fewOffered
// flushes may always wait. More flushes may wait while all of them together have fewer than
// manyUnits units, but never more than maxOffered flushes.
func TestOffered(t *testing.T) {
	for _, c := range []struct{ flushes, units, dropped int }{
		{4, 1_000_000, 0},
		{5, 1_000_000, 1_000_000},
		{100, 1000, 0},
		{103, 1000, 3000},
		{1000, 0, 0},
		{1001, 7, 7},
	} {
		o := newOutlet(newQueue(newLife(), &Destination{}, zerolog.Nop()), Destination{})
		for at := range c.flushes {
			o.take(Batch{Time: int64(at), Units: c.units}, time.Second, uint64(at))
		}
		if st := o.state(); st.Reasons.Full != uint64(c.dropped) || st.Queued != uint64(c.flushes*c.units-c.dropped) {
			t.Errorf("%d flushes of %d: dropped %d, want %d; queued %d", c.flushes, c.units, st.Reasons.Full, c.dropped, st.Queued)
		}
		if last := o.offered[len(o.offered)-1].Time; last != int64(c.flushes-1) {
			t.Errorf("%d flushes of %d: the newest that waits is %d", c.flushes, c.units, last)
		}
	}
}

// The pause after a failed attempt is shorter if the attempt took long.
func TestPauseAfter(t *testing.T) {
	for _, c := range []struct{ retry, took, want time.Duration }{
		{firstRetry, 0, firstRetry},
		{lastRetry, 0, lastRetry},
		{lastRetry, 2 * time.Second, 3 * time.Second},
		{lastRetry, lastRetry, firstRetry},
		{lastRetry, time.Minute, firstRetry},
	} {
		least, most := time.Duration(math.MaxInt64), time.Duration(0)
		for range 1000 {
			pause := pauseAfter(c.retry, c.took)
			least, most = min(least, pause), max(most, pause)
		}
		if least < c.want*8/10 || most > c.want*12/10 || least == most {
			t.Errorf("%v after an attempt of %v: pauses of %v to %v, want about %v", c.retry, c.took, least, most, c.want)
		}
	}
}

// If large flushes follow many small flushes, the limit on units still applies: only fewOffered
// large flushes may wait.
func TestOfferedLarge(t *testing.T) {
	o := newOutlet(newQueue(newLife(), &Destination{}, zerolog.Nop()), Destination{})
	for at := range 100 {
		o.take(Batch{Time: int64(at), Units: 100}, time.Second, uint64(at))
	}
	for at := range 50 {
		o.take(Batch{Time: int64(100 + at), Units: manyUnits}, time.Second, uint64(100+at))
	}
	if n := len(o.offered); n != fewOffered || len(o.coming) != n || o.offered[0].Time != 146 {
		t.Errorf("%d flushes wait, %d are announced, the oldest is %d", n, len(o.coming), o.offered[0].Time)
	}
	if st := o.state(); st.Queued != fewOffered*manyUnits || st.Queued+st.Reasons.Full != st.Made {
		t.Errorf("queued %d, dropped %d of %d", st.Queued, st.Reasons.Full, st.Made)
	}
}
