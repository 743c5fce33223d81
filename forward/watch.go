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

// Edges check whether partitions have owners, because if all owners are dead, only an edge can
// report it.

const (
	// watchEvery is the minimum time between two checks of commits.
	watchEvery = 10 * time.Second
	// A partition has no owner if it has no new commit for unownedAfter plus unownedIntervals
	// intervals. This is rather long because an edge does not know the owners' --lateness.
	unownedAfter     = time.Minute
	unownedIntervals = 3
)

// watch contains what the edge knows about the owners.
type watch struct {
	answered atomic.Int64 // when the engine last accepted messages, or reported that it is full, in Unix nanoseconds
	unowned  atomic.Pointer[[]int]
}

// looked describes the last commit of a partition. The field commit is the time of the commit, by
// the engine's clock. The field since is the time when the edge first saw this commit, by the clock
// of this machine.
type looked struct{ commit, since time.Time }

// Unowned returns the partitions that had no owner at the last check.
func (e *Edge) Unowned() []int {
	if unowned := e.watch.unowned.Load(); unowned != nil {
		return *unowned
	}
	return nil
}

// Watch checks the last commits of partitions until ctx ends. It does nothing if the engine cannot
// show commits. Each check reads two partitions: a partition chosen at random, and again the
// partition that was chosen for the previous check. If one of them has no new commit, the next
// check reads all partitions.
func (e *Edge) Watch(ctx context.Context) {
	watcher, can := e.sender.(link.Watcher)
	seen, turn, suspicious := map[int]looked{}, 0, false
	for can && clock.Sleep(ctx, max(watchEvery, e.cfg.Interval)) {
		settings, known := e.Settings()
		if until := e.cfg.ForwardUntil; !until.IsZero() && time.Now().After(until) { // this cluster gets no more intervals, so its owners commit nothing
			e.watch.unowned.Store(nil)
			return
		}
		if !known {
			continue
		}
		allowed := unownedAfter + unownedIntervals*settings.Interval
		if time.Since(time.Unix(0, e.watch.answered.Load())) > allowed { // the engine does not answer; the health status already shows this
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

// sameFor reads the last commit of a partition. It returns how long ago the edge first saw this
// commit.
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
