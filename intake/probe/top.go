package probe

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/heavy"
	"github.com/statsd-ops/statsd/metric"
)

const (
	// maxCounters is the number of names, prefixes or senders for which a lane keeps counts. A name,
	// prefix or sender with more than 1/maxCounters of the samples always has a count.
	maxCounters = 4096
	// unseenBatches is a number of batches. If one batch in k is examined, a name that occurs in
	// unseenBatches*k batches is missed with a probability below 1 %.
	unseenBatches = 5
)

// top holds the counts for a TopQuery.
type top struct {
	counts
	by      By
	match   *matcher
	keys    *heavy.Counters
	scratch []byte
}

// NewTop returns one Look for each lane. A Look is one lane's part of a probe. NewTop returns an
// error if the pattern is invalid.
func NewTop(q TopQuery, names metric.NameForm, lanes int, ends time.Time) ([]*Look, error) {
	looks := make([]*Look, lanes)
	for i := range looks {
		m, err := newMatcher(q.Match, names)
		if err != nil {
			return nil, err
		}
		asks := q.By == BySender
		looks[i] = &Look{observer: &top{by: q.By, match: m, keys: heavy.New(maxCounters)}, ends: ends, asks: asks, needs: asks}
	}
	return looks, nil
}

func (t *top) note(e *Event) {
	if !t.match.match(e.Name) {
		return
	}
	tag, key := byte(e.Kind), e.Name
	switch {
	case t.by == BySender:
		t.scratch = e.Sender.AppendHost(t.scratch[:0])
		tag, key = byte(e.Over), t.scratch
	case e.Bad():
		return
	case t.by == ByPrefix:
		tag, key = 0, metric.Prefix(e.Name)
	case t.by == ByKind:
		key = nil
	}
	t.add(t.keys.Add(tag, key))
}

// TopOf makes the answer from the Looks of NewTop.
func TopOf(q TopQuery, looks []*Look, names metric.NameForm, span Span) *Top {
	t := &Top{Looked: total(looks, span), By: q.By}
	sums := map[Row]*estimate{} // the keys have only the fields that identify a row
	floor, unseen := 0.0, 0.0
	for _, k := range looks {
		o := k.observer.(*top)
		floor += float64(o.keys.Floor()) * k.scale()
		if s := k.scale(); s > 1 {
			unseen = max(unseen, unseenBatches*s*o.once())
		}
		t.Forgotten += o.keys.Evicted()
		o.sum(sums, k, names)
	}
	seconds := span.seconds()
	t.UnseenBelow = (floor + unseen) / seconds
	for row, e := range sums {
		e.bias += floor - e.floor // some lanes may have reused the row's counter
		row.Rate, row.Error = e.value/seconds, e.either()/seconds
		row.Share = e.value / float64(max(t.Of, 1))
		t.Rows = append(t.Rows, row)
	}
	slices.SortFunc(t.Rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.Rate, a.Rate), strings.Compare(a.Name, b.Name), strings.Compare(a.Kind, b.Kind), cmp.Compare(a.Over, b.Over))
	})
	return t
}

// sum adds the rows of one Look to sums.
func (t *top) sum(sums map[Row]*estimate, k *Look, names metric.NameForm) {
	for place := range t.keys.Len() {
		tag, key := t.keys.Key(place)
		var row Row
		switch t.by {
		case BySender:
			row.Name, row.Over = string(key), Transport(tag)
		case ByPrefix:
			row.Name = kept(names, key)
		default:
			row.Name, row.Kind = kept(names, key), metric.Kind(tag).String()
		}
		if sums[row] == nil {
			sums[row] = &estimate{}
		}
		count, over := t.keys.Count(place)
		e := t.estimate(place, count, over, k.of)
		e.floor = float64(t.keys.Floor()) * k.scale()
		sums[row].add(e)
	}
}
