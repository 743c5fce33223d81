package forward

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/statsd-ops/statsd/internal/clock"
	"github.com/statsd-ops/statsd/link"
)

// Edges watch the owners too, because only edges can notice that all owners are dead.

const (
	// watchEvery is the shortest time between two checks of the commits.
	watchEvery = 10 * time.Second
	// unownedAfter is how long a partition may have no new commit, in addition to unownedIntervals. An edge
	// does not know the --lateness of the owners.
	unownedAfter     = time.Minute
	unownedIntervals = 3
)

// watch is the edge's knowledge of the owners.
type watch struct {
	sent    atomic.Int64 // when the engine last accepted messages, in Unix nanoseconds
	unowned atomic.Pointer[[]int]
}

// looked is the newest commit of a partition, and the time by this machine's clock when the edge first saw
// it.
type looked struct{ commit, since time.Time }

// Unowned returns the partitions that had no owner at the last check.
func (e *Edge) Unowned() []int {
	if unowned := e.watch.unowned.Load(); unowned != nil {
		return *unowned
	}
	return nil
}

// Watch looks at the newest commits of partitions until ctx ends, if the engine shows them. Each time it looks at one
// partition. While a partition has no owner, it looks at all partitions.
func (e *Edge) Watch(ctx context.Context) {
	watcher, can := e.sender.(link.Watcher)
	seen, turn := map[int]looked{}, 0
	for can && clock.Sleep(ctx, max(watchEvery, e.cfg.Interval)) {
		settings, known := e.Settings()
		if !known {
			continue
		}
		allowed := unownedAfter + unownedIntervals*settings.Interval
		if time.Since(time.Unix(0, e.watch.sent.Load())) > allowed { // the engine does not answer; the health already says so
			clear(seen)
			e.watch.unowned.Store(nil)
			continue
		}
		which := []int{turn % settings.Partitions}
		if len(e.Unowned()) > 0 {
			which = all(settings.Partitions)
		}
		var unowned []int
		for _, p := range which {
			switch changed, old := lookAt(ctx, watcher, p, seen, allowed); {
			case old:
				unowned = append(unowned, p)
			case changed:
				turn = rand.IntN(settings.Partitions)
			}
		}
		e.watch.unowned.Store(&unowned)
	}
}

// lookAt looks at a partition. It reports whether its newest commit has changed, and whether that commit is
// too old.
func lookAt(ctx context.Context, w link.Watcher, partition int, seen map[int]looked, allowed time.Duration) (changed, old bool) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	commit, err := w.Committed(ctx, partition)
	if err != nil && !errors.Is(err, link.ErrNone) {
		delete(seen, partition)
		return false, false
	}
	before, known := seen[partition]
	if !known || !commit.Equal(before.commit) {
		seen[partition] = looked{commit, time.Now()}
		return known, false
	}
	return false, time.Since(before.since) > allowed
}

func all(partitions int) []int {
	return slices.Collect(func(yield func(int) bool) {
		for p := range partitions {
			if !yield(p) {
				return
			}
		}
	})
}
