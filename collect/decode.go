package collect

import (
	"encoding/binary"
	"math"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
)

// reader decodes the bytes that the type writer of this package has encoded. After an error, the field bad is true and
// the reader returns zeros.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) fail() { r.rest, r.bad = nil, true }

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) int() int64 {
	v := r.uint()
	return int64(v>>1) ^ -int64(v&1)
}

// length reads the length of a list. Each item of the list needs at least one byte, so a length
// above the number of remaining bytes is an error.
func (r *reader) length() int {
	n := r.uint()
	if n > uint64(len(r.rest)) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) text() []byte {
	n := r.length()
	text := r.rest[:n]
	r.rest = r.rest[n:]
	return text
}

func (r *reader) float() float64 {
	if len(r.rest) < 8 {
		r.fail()
		return 0
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(r.rest))
	r.rest = r.rest[8:]
	return v
}

func (r *reader) readHead(h *Head) {
	h.Owner, h.Epoch, h.Revision = string(r.text()), r.int(), r.uint()
	for _, v := range []*int64{&h.Closed, &h.Undelivered, &h.Stale} {
		*v = r.int()
	}
	h.Applied = r.uint()
	for n := r.length(); n > 0; n-- {
		h.Held = append(h.Held, h.Applied-r.uint())
	}
	for n := r.length(); n > 0; n-- {
		h.Checkpoints = append(h.Checkpoints, r.int())
	}
	for n := r.length(); n > 0; n-- {
		e := Edge{Name: string(r.text()), Epoch: r.int(), Number: r.uint(), Samples: r.uint()}
		for _, v := range []*int64{&e.Window, &e.First, &e.Heard, &e.Ahead} {
			*v = r.int()
		}
		h.Edges = append(h.Edges, e)
	}
	for _, n := range h.Counts.all() {
		*n = r.uint()
	}
}

func (r *reader) readRest(to *record) {
	to.window, to.revision, to.samples = r.int(), r.uint(), r.uint()
	to.seen = identities{}
	for n := r.length(); n > 0; n-- {
		to.seen[identity{string(r.text()), r.int(), r.uint(), int(r.uint())}] = struct{}{}
	}
	n := r.uint()
	if n == 0 {
		return
	}
	if n--; n > uint64(len(r.rest)) {
		r.fail()
		return
	}
	to.checkpoint = make([]aggregate.Known, 0, n)
	for ; n > 0; n-- {
		k := aggregate.Known{Kind: metric.Kind(r.uint()), Name: r.text(), Unseen: uint32(r.uint())}
		if k.Kind >= metric.Kinds {
			r.fail()
			return
		}
		if k.Kind == metric.Gauge {
			k.Value, k.Set = r.float(), r.int()
		}
		to.checkpoint = append(to.checkpoint, k)
	}
}
