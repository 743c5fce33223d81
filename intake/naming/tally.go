package naming

import (
	"fmt"
	"time"

	"github.com/statsd-ops/statsd/rules"
)

// Tally counts the samples that each rule has matched. Only one goroutine at a time may use it.
type Tally struct {
	set, next *rules.Set
	changes   bool // whether the next call of Add switches to the rules in the field next
	counts    []Count
}

// Count counts the samples that a rule matched.
type Count struct {
	Rule    *rules.Rule
	Samples uint64    // number since the start
	Latest  uint64    // number in the last flush interval
	Last    time.Time // the end of the last interval in which the rule matched a sample; zero if there was none
}

// Follow sets the rules that replace the current rules at the next call of Add. This call still counts its interval for
// the current rules. nil means no rules.
func (t *Tally) Follow(set *rules.Set) { t.next, t.changes = set, true }

// Add adds the counts of one interval, which ends at the time end. hits[i] is the number of samples that rule i
// matched. Then Add switches to the rules set by Follow, if any.
func (t *Tally) Add(hits []uint64, end time.Time) {
	for i := range t.counts {
		c := &t.counts[i]
		if c.Latest = 0; i < len(hits) && hits[i] > 0 {
			c.Samples, c.Latest, c.Last = c.Samples+hits[i], hits[i], end
		}
	}
	if t.changes {
		t.change()
	}
}

// change switches to the next rules. A rule that the old and the new rules contain keeps its
// counts.
func (t *Tally) change() {
	before := map[string]Count{}
	for _, c := range t.counts {
		before[key(c.Rule)] = c
	}
	t.set, t.next, t.changes, t.counts = t.next, nil, false, nil
	if t.set == nil {
		return
	}
	for i := range t.set.Len() {
		c := Count{Rule: t.set.Rule(i)}
		if old, stays := before[key(c.Rule)]; stays {
			old.Rule = c.Rule
			c = old
			delete(before, key(c.Rule))
		}
		t.counts = append(t.counts, c)
	}
}

// key identifies a rule in its file, even if rules before it are added or removed.
func key(r *rules.Rule) string {
	if r.ID != fmt.Sprint(r.Number+1) {
		return "id " + r.ID
	}
	return r.Action.String() + " " + r.Kinds() + " " + r.Match
}

// Counts returns the count of each rule, in the order of the rules file.
func (t *Tally) Counts() []Count { return t.counts }
