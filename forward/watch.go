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
	answered atomic.Int64 // when the engine last accepted messages or had no room for them, in Unix nanoseconds
	unowned  atomic.Pointer[[]int]
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

// Watch looks at the newest commits of partitions until ctx ends, if the engine shows them. Each time it looks
// at two partitions: the next one, and again the previous one. If a commit is still the same, it looks at all partitions.
func (e *Edge) Watch(ctx context.Context) {
	watcher, can := e.sender.(link.Watcher)
	seen, turn, suspicious := map[int]looked{}, 0, false
	for can && clock.Sleep(ctx, max(watchEvery, e.cfg.Interval)) {
		settings, known := e.Settings()
		if until := e.cfg.ForwardUntil; !until.IsZero() && time.Now().After(until) { // its owners have nothing to commit
			e.watch.unowned.Store(nil)
			return
		}
		if !known {
			continue
		}
		allowed := unownedAfter + unownedIntervals*settings.Interval
		if time.Since(time.Unix(0, e.watch.answered.Load())) > allowed { // the engine does not answer; the health already says so
			clear(seen)
			e.watch.unowned.Store(nil)
			continue
		}
		before := turn
		turn = rand.IntN(settings.Partitions)
		which := slices.Compact([]int{before, turn})
		if suspicious {
			which = all(settings.Partitions)
		}
		var unowned []int
		suspicious = false
		for _, p := range which {
			same := sameFor(ctx, watcher, p, seen)
			suspicious = suspicious || same > 0
			if same > allowed {
				unowned = append(unowned, p)
			}
		}
		e.watch.unowned.Store(&unowned)
	}
}

// sameFor looks at a partition, and returns how long its newest commit has been the same.
func sameFor(ctx context.Context, w link.Watcher, partition int, seen map[int]looked) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	commit, err := w.Committed(ctx, partition)
	if err != nil && !errors.Is(err, link.ErrNone) {
		delete(seen, partition)
		return 0
	}
	before, known := seen[partition]
	if !known || !commit.Equal(before.commit) {
		seen[partition] = looked{commit, time.Now()}
		return 0
	}
	return time.Since(before.since)
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
