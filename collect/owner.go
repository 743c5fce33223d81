package collect

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statsd-ops/statsd/internal/clock"
	"github.com/statsd-ops/statsd/link"
)

const (
	// fencedPause is how long a fenced owner waits before it takes the partition over again, if it is
	// still assigned to this owner. During the pause, the members can agree on the owner. If two
	// owners do not know of each other, they fence each other repeatedly. So the pause doubles each
	// time, up to maxFencedPause.
	fencedPause    = 2 * time.Second
	maxFencedPause = 30 * time.Second
	ownedLong      = 2 * time.Minute // if an owner has owned a partition for this long, its next pause is fencedPause again
	// idleWindows is a number of flush intervals. If no window of a partition was closed for idleWindows intervals plus
	// the lateness, the partition seems to have no owner.
	idleWindows = 2
	// troublePause is the pause after an error, if the owner is not fenced. It doubles each time, up to maxTroublePause.
	// The maximum is short, because each attempt fails at once during an election in the cluster. After the election, a
	// longer pause would delay the publication.
	troublePause    = 200 * time.Millisecond
	maxTroublePause = time.Second
)

// Owner owns the partitions that its Members assign to it.
type Owner struct {
	cfg        Config
	partitions []*partition
	wanted     atomic.Pointer[[]int]
	watched    atomic.Pointer[[]Status] // state of all partitions, read from their last commits
}

// NewOwner returns an Owner for the partitions of an engine.
func NewOwner(cfg Config, engine link.Engine) *Owner {
	o := &Owner{cfg: cfg}
	for n := range cfg.Settings.Partitions {
		o.partitions = append(o.partitions, newPartition(&o.cfg, n, engine.Partition(n)))
	}
	return o
}

// Run owns the assigned partitions until ctx ends.
func (o *Owner) Run(ctx context.Context, members link.Members) error {
	owning, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	all.Go(func() { o.watch(owning) })
	running := map[int]func(){}
	err := members.Run(ctx, func(wanted []int) { o.own(owning, &all, running, wanted) })
	o.own(owning, &all, running, nil)
	return err
}

// own starts and stops partitions, so that exactly the partitions in the slice wanted are running.
// It waits until the stopped partitions have ended.
func (o *Owner) own(ctx context.Context, all *sync.WaitGroup, running map[int]func(), wanted []int) {
	wanted = slices.Clone(wanted)
	o.wanted.Store(&wanted)
	var stopping []func()
	for _, n := range slices.Collect(maps.Keys(running)) {
		if !slices.Contains(wanted, n) {
			stopping = append(stopping, running[n])
			delete(running, n)
		}
	}
	var stopped sync.WaitGroup
	for _, stop := range stopping {
		stopped.Go(stop)
	}
	stopped.Wait()
	for _, n := range wanted {
		if running[n] != nil || n < 0 || n >= len(o.partitions) {
			continue
		}
		ctx, cancel := context.WithCancel(ctx)
		done := make(chan struct{})
		all.Go(func() {
			defer close(done)
			o.partitions[n].run(ctx, func() bool { return o.unowned(n) })
		})
		running[n] = func() { cancel(); <-done }
	}
}

// unowned reports whether no owner closes the windows of a partition.
func (o *Owner) unowned(n int) bool {
	st := &o.Partitions()[n]
	return st.Unowned(time.Now(), o.cfg.Lateness+idleWindows*o.cfg.Settings.Interval)
}

// run tries to own the partition until ctx ends. After an error it pauses and tries again. The
// function unowned reports whether no owner closes the windows of the partition.
func (p *partition) run(ctx context.Context, unowned func() bool) {
	trouble, fenced, told := troublePause, fencedPause, time.Time{}
	for ctx.Err() == nil {
		began := time.Now()
		err := p.own(ctx)
		p.reportLost(err)
		if ctx.Err() != nil {
			return
		}
		owned := time.Since(began)
		if owned > maxTroublePause {
			trouble = troublePause
		}
		if owned > ownedLong {
			fenced = fencedPause
		}
		switch {
		case errors.Is(err, link.ErrFenced), errors.Is(err, errGap):
			p.log.Info().Stringer("owned", owned.Round(time.Millisecond)).Msg("another owner has taken the partition")
			pauseFenced(ctx, fenced, unowned)
			fenced = min(2*fenced, maxFencedPause)
			continue
		case time.Since(told) > time.Minute:
			told = time.Now()
			p.log.Error().Err(err).Msg("cannot own the partition now: trying again")
		}
		clock.Sleep(ctx, trouble)
		trouble = min(2*trouble, maxTroublePause)
	}
}

// pauseFenced pauses after another owner has taken a partition. The pause ends early if no owner works for the
// partition any more.
func pauseFenced(ctx context.Context, pause time.Duration, unowned func() bool) {
	for until := time.Now().Add(pause); clock.Sleep(ctx, min(time.Until(until), fencedPause)); {
		if !time.Now().Before(until) || unowned() {
			return
		}
	}
}
