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
	// maxTrail is the maximum number of changes in a Trail.
	maxTrail = 256
	// If the same request is refused again within alikeWithin, no entry is added. Without this rule,
	// many refused requests would replace all other entries. A request is compared with the last
	// alikeAmong entries.
	alikeWithin = time.Minute
	alikeAmong  = 32
)

// Trail keeps the last changes that operators requested, including refused ones.
type Trail struct {
	// Tell logs a new entry. It is not called when a refusal is repeated.
	Tell func(question.Audit)

	mu      sync.Mutex
	entries []entry // oldest first
}

type entry struct {
	question.Audit
	refused bool
	times   int
}

// Add adds a change. If the same change was recently refused for the same client, Add only increases the count of that
// refusal.
func (t *Trail) Add(a question.Audit, refused bool) {
	if t.add(entry{a, refused, 1}) && t.Tell != nil {
		t.Tell(a)
	}
}

// add adds an entry. If a recent entry is a refusal of the same request, add only increases the
// count of that entry. It reports whether it added an entry.
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

// Last returns the changes, newest first.
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
