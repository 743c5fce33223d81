package probe

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

// Event is a sample that a lane shows to its Looks. The Looks must not keep its slices.
type Event struct {
	Kind    metric.Kind
	Name    []byte // the name as received; if the sample could not be parsed, the name in the line
	Line    []byte
	Reason  metric.Reason // why the sample was not added; None if it was added
	At      int           // index of the bad byte in Line
	Arrived int64         // Unix nanoseconds, 0 if unknown
	Sender  meta.Sender   // the zero Sender if senders were not requested
	Over    Transport
}

// Bad reports whether the sample itself is bad. A good sample can be refused by a limit; then Bad
// returns false.
func (e *Event) Bad() bool { return e.Reason != metric.None && !e.Reason.Refusal() }

// observer collects the samples for one type of query, for example a TopQuery.
type observer interface {
	note(e *Event)
	// endBatch ends a batch, after the observer has seen all samples of the batch.
	endBatch(samples int)
}

// Look is one lane's part of a probe.
type Look struct {
	observer
	ends time.Time
	// asks is true if the Look uses the senders. needs is true if the Look skips batches whose senders are unknown.
	asks, needs bool
	looks       bool // whether the Look examines the current batch
	extent
}

// extent counts the samples and batches that a Look has received and examined.
type extent struct {
	of, seen        uint64 // number of samples received, and number of samples examined
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
	open  bool // whether a Look examines the current batch
	spent time.Duration
}

// NewLane returns a Lane without Looks.
func NewLane(now time.Time) *Lane {
	return &Lane{pace: newPace(now, rand.Uint64())}
}

// Add adds a Look to the Lane.
func (l *Lane) Add(k *Look) { l.looks = append(l.looks, k) }

// Remove removes a Look from the Lane. A removed Look gets no more samples.
func (l *Lane) Remove(k *Look) {
	l.looks = slices.DeleteFunc(l.looks, func(o *Look) bool { return o == k })
}

// Empty reports whether the Lane has no Looks.
func (l *Lane) Empty() bool { return len(l.looks) == 0 }

// Asks reports whether one of the Looks uses the senders.
func (l *Lane) Asks() bool {
	return slices.ContainsFunc(l.looks, func(k *Look) bool { return k.asks })
}

// Begin begins a batch, and reports whether a Look examines it. It removes the Looks whose time is over. The parameter
// asked is true if the senders of the batch are known.
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

// Open reports whether a Look examines the current batch.
func (l *Lane) Open() bool { return l.open }

// Note shows a sample of the current batch to the Looks that examine the batch.
func (l *Lane) Note(e *Event) {
	for _, k := range l.looks {
		if k.looks {
			k.note(e)
		}
	}
}

// Spent adds to the time spent on examining the current batch.
func (l *Lane) Spent(d time.Duration) { l.spent += d }

// End ends a batch. samples is the number of samples in the batch. now is used only if a Look
// examined the batch.
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

// Span is the period in which a probe examined traffic.
type Span struct{ From, Until time.Time }

func (s Span) seconds() float64 { return max(s.Until.Sub(s.From).Seconds(), 1e-9) }

// in describes the part of the traffic that was examined. The parameter span is the period of the probe.
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

// total returns the sum of the extents of some Looks.
func total(looks []*Look, span Span) Looked {
	var sum extent
	for _, k := range looks {
		sum.add(k.extent)
	}
	l := sum.in(span)
	l.Receivers = len(looks)
	return l
}

// scale returns the number of received samples for each examined sample.
func (x *extent) scale() float64 {
	if x.seen == 0 {
		return 1
	}
	return float64(x.of) / float64(x.seen)
}
