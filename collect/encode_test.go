package collect

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/metric"
)

func randomRecord(r *rand.Rand) *record {
	number := func() int64 { return r.Int64() >> r.IntN(60) }
	c := &record{window: number(), revision: uint64(r.IntN(9)), samples: r.Uint64(), seen: identities{}}
	if r.IntN(3) == 0 {
		c.window = link.TakeOver
	}
	h := &c.Head
	h.Owner, h.Epoch, h.Revision, h.Closed, h.Undelivered, h.Stale = "owner", number(), r.Uint64(), number(), number(), number()
	h.Applied = 1 << 40
	for i := range r.IntN(5) {
		h.Held = append(h.Held, h.Applied-uint64(10-i))
		h.Checkpoints = append(h.Checkpoints, number())
		h.Edges = append(h.Edges, Edge{fmt.Sprint("edge", i), number(), r.Uint64(), r.Uint64(), number(), number(), number(), -number()})
		c.seen[identity{fmt.Sprint("edge", i), number(), r.Uint64(), i}] = struct{}{}
		c.rows = append(c.rows, make([]byte, 1+r.IntN(300)))
	}
	for _, n := range h.Counts.all() {
		*n = r.Uint64()
	}
	if r.IntN(2) == 0 {
		c.checkpoint = []aggregate.Known{}
		for i := range r.IntN(5) {
			k := aggregate.Known{Kind: metric.Kind(r.IntN(metric.Kinds)), Name: fmt.Append(nil, "name", i), Unseen: r.Uint32()}
			if k.Kind == metric.Gauge {
				k.Value, k.Set = r.NormFloat64(), number()
			}
			c.checkpoint = append(c.checkpoint, k)
		}
	}
	return c
}

// A decoded record equals the encoded one. If a record is truncated or changed at any byte, decode
// returns an error and does not panic.
func TestRecords(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	c := &codec{}
	for range 300 {
		want := randomRecord(r)
		b := c.encode(want)
		got, err := c.decode(b)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, %v\nwant %+v", got, err, want)
		}
		var head Head
		if _, err := c.decodeHead(b, &head); err != nil || !reflect.DeepEqual(head, want.Head) {
			t.Fatalf("head %+v, %v", head, err)
		}
		at := r.IntN(len(b))
		if _, err := c.decode(b[:at]); err == nil {
			t.Fatalf("cut to %d of %d bytes, and not refused", at, len(b))
		}
		b[at] ^= 1 << r.IntN(8)
		if _, err := c.decode(b); err == nil {
			t.Fatalf("byte %d of %d is changed, and not refused", at, len(b))
		}
	}
}

// Decoding does not panic for any input.
func FuzzRecord(f *testing.F) {
	r := rand.New(rand.NewPCG(2, 2))
	c := &codec{}
	for range 10 {
		var w writer
		record := randomRecord(r)
		w.head(&record.Head)
		w.rest(record)
		f.Add(w.b)
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _ = c.decode(b)
		from := reader{rest: b}
		var h Head
		from.readHead(&h)
		var rec record
		from.readRest(&rec)
	})
}
