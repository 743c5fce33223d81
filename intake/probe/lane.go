package probe

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

// Event is a sample, as a lane shows it to its Looks. Its slices are borrowed.
type Event struct {
	Kind    metric.Kind
	Name    []byte // the name as received; if the sample could not be parsed, the name of the line
	Line    []byte
	Reason  metric.Reason // None if the sample was added
	At      int           // index at which Line is bad
	Arrived int64         // Unix nanoseconds, 0 if not known
	Sender  meta.Sender   // the zero Sender if not asked for
	Over    Transport
}

// Bad reports whether the sample is bad, not merely refused by a limit.
func (e *Event) Bad() bool { return e.Reason != metric.None && !e.Reason.Refusal() }

// observer collects samples for one kind of question.
type observer interface {
	note(e *Event)
	// endBatch ends a batch. The observer has seen all samples of the batch.
	endBatch(samples int)
}

// Look is a lane's part of a probe.
type Look struct {
	observer
	ends time.Time
	// asks says that the Look wants to know senders. needs says that it skips batches without
	// senders.
	asks, needs bool
	looks       bool // whether it looks at the running batch
	extent
}

// extent counts what a Look has looked at.
type extent struct {
	of, seen        uint64 // samples
	batches, looked int
}

// Lane holds the Looks of a lane of intake. It is for one goroutine at a time.
//
//	if lane.Begin(now, asked) {
//		for each sample {
//			lane.Note(&event)
//		}
//		lane.Spent(cost)
//	}
//	lane.End(now, samples)
type Lane struct {
	pace  pace
	looks []*Look
	began time.Time
	open  bool // whether the running batch is looked at
	spent time.Duration
}

// NewLane returns a Lane without Looks.
func NewLane(now time.Time) *Lane {
	return &Lane{pace: newPace(now, rand.Uint64())}
}

// Add adds a Look.
func (l *Lane) Add(k *Look) { l.looks = append(l.looks, k) }

// Remove removes a Look, if the Lane has it. After that the Look gets no more samples.
func (l *Lane) Remove(k *Look) {
	l.looks = slices.DeleteFunc(l.looks, func(o *Look) bool { return o == k })
}

// Empty reports whether there are no Looks.
func (l *Lane) Empty() bool { return len(l.looks) == 0 }

// Asks reports whether a Look wants to know senders.
func (l *Lane) Asks() bool {
	return slices.ContainsFunc(l.looks, func(k *Look) bool { return k.asks })
}

// Begin begins a batch, and reports whether it is looked at. It drops the Looks whose time is over.
// asked says that the senders of the batch are known.
func (l *Lane) Begin(now time.Time, asked bool) bool {
	l.looks = slices.DeleteFunc(l.looks, func(k *Look) bool { return !now.Before(k.ends) })
	l.open = false
	if len(l.looks) == 0 {
		return false
	}
	looks := l.pace.begin(now)
	for _, k := range l.looks {
		k.batches++
		k.looks = looks && (asked || !k.needs)
		l.open = l.open || k.looks
	}
	l.began, l.spent = now, 0
	return l.open
}

// Open reports whether the running batch is looked at.
func (l *Lane) Open() bool { return l.open }

// Note shows a sample of a batch that is looked at.
func (l *Lane) Note(e *Event) {
	for _, k := range l.looks {
		if k.looks {
			k.note(e)
		}
	}
}

// Spent adds to the cost of looking at the running batch.
func (l *Lane) Spent(d time.Duration) { l.spent += d }

// End ends a batch, with its number of samples. now is needed only if the batch was looked at.
func (l *Lane) End(now time.Time, samples int) {
	for _, k := range l.looks {
		k.of += uint64(samples)
		if l.open && k.looks {
			k.seen += uint64(samples)
			k.looked++
			k.endBatch(samples)
		}
	}
	if l.open {
		l.open = false
		l.pace.end(now, samples, now.Sub(l.began)-l.spent, l.spent)
	}
}

// Span is the period in which a probe looked.
type Span struct{ From, Until time.Time }

func (s Span) seconds() float64 { return max(s.Until.Sub(s.From).Seconds(), 1e-9) }

// in returns the Looked of an answer for a span.
func (x *extent) in(span Span) Looked {
	l := Looked{From: span.From, For: span.Until.Sub(span.From), Every: 1, Of: x.of, Seen: x.seen}
	if x.looked > 0 {
		l.Every = (x.batches + x.looked/2) / x.looked
	}
	return l
}

func (x *extent) add(o extent) {
	x.of, x.seen, x.batches, x.looked = x.of+o.of, x.seen+o.seen, x.batches+o.batches, x.looked+o.looked
}

// total adds up the extents of Looks.
func total(looks []*Look, span Span) Looked {
	var sum extent
	for _, k := range looks {
		sum.add(k.extent)
	}
	l := sum.in(span)
	l.Receivers = len(looks)
	return l
}

// scale returns the number of samples for which each seen sample stands.
func (x *extent) scale() float64 {
	if x.seen == 0 {
		return 1
	}
	return float64(x.of) / float64(x.seen)
}
