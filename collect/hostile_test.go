package collect

import (
	"fmt"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/partial"
)

// An edge's clock was far ahead once. When the clock is right again, windows wait for this edge
// again.
func TestClockJump(t *testing.T) {
	run(t, 4, func(w *world) {
		w.addEdges(2)
		w.addMember().want(w.all()...)
		w.window(20)
		w.window(20)
		e := w.edges[1]
		e.flush(time.Now().Truncate(interval).Add(time.Hour).UnixNano())
		for range 3 {
			w.window(20)
		}
		time.Sleep(time.Second)
		for range 3 {
			e.setMute(true)
			w.window(20)
			time.Sleep(lateAt / 2)
			e.setMute(false)
			time.Sleep(time.Second)
		}
		w.settle()
		w.check()
		if sum := w.ledger(); sum.Future != uint64(w.settings.Partitions) || sum.Corrected > 0 {
			t.Errorf("%+v, publications %v", sum, w.got.calls)
		}
	})
}

// Messages older than the horizon are not merged, even before the first window is closed.
func TestOldAtFirst(t *testing.T) {
	run(t, 5, func(w *world) {
		w.addEdges(1)
		w.addMember().want(w.all()...)
		old := newEdge("old")
		old.start(w.settings.Partitions)
		old.flush(int64(interval)) // a window in 1970
		w.sending.Go(func() { old.send(w.ctx, w.engine.Sender()) })
		w.window(20)
		w.settle()
		w.check()
		if sum := w.ledger(); sum.Late != uint64(w.settings.Partitions) || len(w.got.windows[int64(interval)]) > 0 || w.got.calls[int64(interval)] > 0 {
			t.Errorf("%d publications: %+v", w.got.calls[int64(interval)], sum)
		}
	})
}

// A hostile edge sends names with bad tags. They cannot break the lines that a sink sends.
func TestHostileTags(t *testing.T) {
	t.Parallel()
	config := testTable()
	config.Tagged = true
	encoder, _ := partial.NewEncoder("edge", 1, 1)
	rows := partial.NewRows(1)
	rows.Begin(int64(interval))
	for _, name := range []string{"a;k=v", "a;k=v\nroot.password 1 2", "a;k=v 1 2", "a;k"} {
		rows.Add(&aggregate.Row{Kind: metric.Counter, Name: []byte(name), Value: 1})
	}
	counts := Counts{}
	m := merging{table: aggregate.NewTable(config), decoder: partial.NewDecoder(), counts: &counts, tags: metric.GraphiteTags, latest: 1 << 60}
	encoder.Encode(partial.Interval{Number: 1, End: int64(interval)}, rows, func(_ partial.Header, b []byte) {
		h, body, err := partial.Open(b)
		if err != nil || !m.message(&message{header: h, body: body}) {
			t.Error(err)
		}
	})
	if counts.Rows != 4 || counts.Refused != 3 || m.table.Names() != 1 {
		t.Errorf("%d names, %+v", m.table.Names(), counts)
	}
}

// A partition remembers only a limited number of edges.
func TestMaxEdges(t *testing.T) {
	t.Parallel()
	es := edges{}
	for i := range maxEdges + 10 {
		es.note(&partial.Header{Edge: fmt.Sprint("edge-", i), Epoch: 1, Number: 1, Parts: 1}, 1, &link.Entry{Stored: time.Unix(10, 0)})
	}
	if len(es) != maxEdges {
		t.Errorf("%d edges are known, want %d", len(es), maxEdges)
	}
}
