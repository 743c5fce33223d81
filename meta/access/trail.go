package access

import (
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/meta/question"
)

const (
	// maxTrail is the number of changes that a Trail keeps.
	maxTrail = 256
	// Equal refusals within alikeWithin count as one entry; alikeAmong is the number of entries that are compared.
	// Otherwise many refused requests could push all other entries out.
	alikeWithin = time.Minute
	alikeAmong  = 32
)

// Trail keeps the last requested changes, including refused ones.
type Trail struct {
	// Tell is called with each new entry, for the log. It is not called for repeated refusals.
	Tell func(question.Audit)

	mu      sync.Mutex
	entries []entry // the oldest first
}

type entry struct {
	question.Audit
	refused bool
	times   int
}

// Add adds a change. A refusal that repeats another one is only added to its count.
func (t *Trail) Add(a question.Audit, refused bool) {
	if t.add(entry{a, refused, 1}) && t.Tell != nil {
		t.Tell(a)
	}
}

// add reports whether the entry is new.
func (t *Trail) add(e entry) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := len(t.entries) - 1; e.refused && i >= max(len(t.entries)-alikeAmong, 0); i-- {
		if old := &t.entries[i]; old.alike(&e) {
			old.times++
			return false
		}
	}
	if len(t.entries) == maxTrail {
		t.entries = slices.Delete(t.entries, 0, 1)
	}
	t.entries = append(t.entries, e)
	return true
}

func (e *entry) alike(other *entry) bool {
	return e.refused && e.Who == other.Who && host(e.Address) == host(other.Address) &&
		e.Change == other.Change && e.Result == other.Result && other.Time.Sub(e.Time) < alikeWithin
}

func host(address string) string {
	if h, _, err := net.SplitHostPort(address); err == nil {
		return h
	}
	return address
}

// Last returns the changes, the newest first.
func (t *Trail) Last() []question.Audit {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]question.Audit, 0, len(t.entries))
	for _, e := range slices.Backward(t.entries) {
		if e.times > 1 {
			e.Result += fmt.Sprintf(" (%d times)", e.times)
		}
		all = append(all, e.Audit)
	}
	return all
}
