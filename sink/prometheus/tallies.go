package prometheus

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/sink"
)

// tallies counts the names that cannot be shown as requested, and reports them to the operator.
type tallies struct {
	tell func(text string)

	mu        sync.Mutex
	quiet     bool // set during a trial run: nothing is counted
	conflicts map[conflict]*conflictTally
	full      time.Time // when the message about a full page was last logged
	refused   uint64
}

// conflict identifies a family whose name, type or labels conflict with what a name or rule
// requires.
type conflict struct{ reason, family string }

type conflictTally struct {
	count uint64
	text  string // message about the last conflict; "" if the operator need not act
	told  time.Time
}

const (
	// maxConflicts is the maximum number of conflicts that are counted separately. All further conflicts share one
	// count.
	maxConflicts = 100
	// otherFamilies is used as the family name of all conflicts above maxConflicts.
	otherFamilies = "other"
	// tellEvery is the minimum time between two messages about the same conflict.
	tellEvery = time.Hour
)

func newTallies(tell func(text string)) *tallies {
	return &tallies{tell: tell, conflicts: map[conflict]*conflictTally{}}
}

// conflict counts a conflict. If text is not empty, it is reported to the operator, at most once an hour.
func (t *tallies) conflict(reason, family, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.quiet {
		return
	}
	c := conflict{reason, family}
	if len(t.conflicts) >= maxConflicts && t.conflicts[c] == nil {
		c.family = otherFamilies
	}
	tally := t.conflicts[c]
	if tally == nil {
		tally = &conflictTally{}
		t.conflicts[c] = tally
	}
	tally.count++
	if tally.text = text; text == "" {
		return
	}
	if now := time.Now(); now.Sub(tally.told) >= tellEvery {
		tally.told = now
		t.tell(fmt.Sprintf("family %s: %s", family, text))
	}
}

// noRoom counts a name that got no series because of a limit.
func (t *tallies) noRoom() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.quiet {
		return
	}
	t.refused++
	if now := time.Now(); now.Sub(t.full) >= tellEvery {
		t.full = now
		t.tell("the page is full, and refuses new series: see max-series and max-families, or give rules a ttl")
	}
}

// Conflict counts the conflicts of one family for one reason.
type Conflict struct {
	Reason, Family string
	Count          uint64
}

// maxShown is the maximum number of conflicts that are listed.
const maxShown = 20

// worst returns the conflicts that the operator should resolve, the most frequent first.
func (t *tallies) worst() (all []sink.Conflict) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c, tally := range t.conflicts {
		if tally.text != "" {
			all = append(all, sink.Conflict{Reason: c.reason, Subject: c.family, Text: tally.text, Count: tally.count})
		}
	}
	slices.SortFunc(all, func(a, b sink.Conflict) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Reason, b.Reason))
	})
	return all[:min(len(all), maxShown)]
}

// list returns all conflicts, sorted.
func (t *tallies) list() (all []Conflict) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c, tally := range t.conflicts {
		all = append(all, Conflict{c.reason, c.family, tally.count})
	}
	slices.SortFunc(all, func(a, b Conflict) int {
		return cmp.Or(cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Family, b.Family))
	})
	return all
}

func (t *tallies) refusals() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.refused
}
