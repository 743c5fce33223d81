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
	// maxSenders is the number of senders for which a lane keeps counts. A sender with more than
	// 1/maxSenders of the samples always has a count.
	maxSenders = 512
	// maxSenderNames is the number of names counted for each sender. If no name has more than
	// 1/maxSenderNames of a sender's samples, the answer shows no name for the sender.
	maxSenderNames = 32
	// maxLine is the maximum number of stored bytes of a line.
	maxLine = 512
)

// senders holds one lane's counts for a SendersQuery.
type senders struct {
	counts
	match   *matcher
	hosts   *heavy.Counters // counts per sender; each entry is tagged with the sender's transport
	about   []about         // indexed like the entries of hosts
	scratch []byte
}

// about holds one lane's counts about one sender.
type about struct {
	bad     uint64
	names   *heavy.Counters // counts per name; each entry is tagged with the kind of the name
	lastBad []byte
	reason  metric.Reason
	badAt   int64
}

// NewSenders returns one Look for each lane. A Look is one lane's part of a probe. NewSenders
// returns an error if the pattern is invalid.
func NewSenders(q SendersQuery, names metric.NameForm, lanes int, ends time.Time) ([]*Look, error) {
	looks := make([]*Look, lanes)
	for i := range looks {
		m, err := newMatcher(q.Match, names)
		if err != nil {
			return nil, err
		}
		looks[i] = &Look{observer: &senders{match: m, hosts: heavy.New(maxSenders)}, ends: ends, asks: true, needs: true}
	}
	return looks, nil
}

func (s *senders) note(e *Event) {
	if !s.match.match(e.Name) {
		return
	}
	s.scratch = e.Sender.AppendHost(s.scratch[:0])
	place, fresh := s.hosts.Add(byte(e.Over), s.scratch)
	s.add(place, fresh)
	if place == len(s.about) {
		s.about = append(s.about, about{names: heavy.New(maxSenderNames)})
	}
	a := &s.about[place]
	if fresh {
		a.bad, a.lastBad, a.reason, a.badAt = 0, a.lastBad[:0], metric.None, 0
		a.names.Reset()
	}
	if !e.Bad() {
		a.names.Add(byte(e.Kind), e.Name)
		return
	}
	a.bad++
	a.lastBad = append(a.lastBad[:0], e.Line[:min(len(e.Line), maxLine)]...)
	a.reason, a.badAt = e.Reason, e.Arrived
}

// senderKey identifies a sender.
type senderKey struct {
	name string
	over Transport
}

// senderSum holds the counts of a sender, summed over all lanes.
type senderSum struct {
	estimate
	bad   float64
	names map[string]uint64 // a lower bound for the count of each name
	named uint64            // number of good samples; the field names counts only these
	last  about
}

// SendersOf makes the answer from the Looks of NewSenders.
func SendersOf(looks []*Look, names metric.NameForm, span Span) *Senders {
	t := &Senders{Looked: total(looks, span)}
	sums := map[senderKey]*senderSum{}
	floor, matching := 0.0, 0.0
	for _, k := range looks {
		o := k.observer.(*senders)
		floor += float64(o.hosts.Floor()) * k.scale()
		t.Forgotten += o.hosts.Evicted()
		matching += o.sum(sums, k, names)
	}
	seconds := span.seconds()
	t.Matching = matching / seconds
	for key, s := range sums {
		s.estimate.bias += floor - s.estimate.floor
		t.Rows = append(t.Rows, Sender{
			Name: key.name, Over: key.over,
			Rate: s.value / seconds, Error: s.either() / seconds, Share: s.value / matching,
			Bad: s.bad / seconds, Most: s.most(), LastBad: s.last.lastBad, Reason: s.last.reason,
		})
	}
	slices.SortFunc(t.Rows, func(a, b Sender) int {
		return cmp.Or(cmp.Compare(b.Bad, a.Bad), cmp.Compare(b.Rate, a.Rate), strings.Compare(a.Name, b.Name), cmp.Compare(a.Over, b.Over))
	})
	return t
}

// sum adds the senders of one Look to sums. It returns the number of matching samples.
func (s *senders) sum(sums map[senderKey]*senderSum, k *Look, names metric.NameForm) (matching float64) {
	for place := range s.hosts.Len() {
		tag, host := s.hosts.Key(place)
		key := senderKey{string(host), Transport(tag)}
		sum := sums[key]
		if sum == nil {
			sum = &senderSum{names: map[string]uint64{}}
			sums[key] = sum
		}
		count, over := s.hosts.Count(place)
		e := s.estimate(place, count, over, k.of)
		e.floor = float64(s.hosts.Floor()) * k.scale()
		sum.add(e)
		matching += e.value
		a := &s.about[place]
		sum.bad += float64(a.bad) * k.scale()
		if len(a.lastBad) > 0 && (sum.last.lastBad == nil || a.badAt > sum.last.badAt) {
			sum.last = *a
		}
		for i := range a.names.Len() {
			_, name := a.names.Key(i)
			count, over := a.names.Count(i)
			sum.names[kept(names, name)] += count - over
			sum.named += count
		}
	}
	return matching
}

// most returns the name with the highest count. It returns "" if this count is less than 1/maxSenderNames of the good
// samples.
func (s *senderSum) most() (most string) {
	for name, n := range s.names {
		if b := s.names[most]; most == "" || n > b || n == b && name < most {
			most = name
		}
	}
	if s.names[most]*maxSenderNames < s.named {
		return ""
	}
	return most
}
