package intake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/internal/clock"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/statvent"
	"github.com/statsd-ops/statsd/statvent/pipes"
)

// pipeReader reads the stat pipes of the host's processes before each flush,
// and takes what they say to a lane, like what clients send. It has a goroutine
// of its own, so that no process holds up a flush: a reading that is not done at
// the boundary counts for the next one.
type pipeReader struct {
	reader pipes.Reader
	merger pipes.Merger
	prefix string // of names, with its dot
	lane   *lane
	log    zerolog.Logger

	serving  context.Context // of run; ends with stop
	stop     context.CancelFunc
	readings context.Context // of a reading that run began; ends with cut
	cut      context.CancelFunc

	turn   sync.Mutex // a reading's
	deltas pipes.Deltas
	warned time.Time

	interval, lead int64 // nanoseconds; lead is how long before a boundary a reading begins

	mu   sync.Mutex
	seen Pipes
}

// Pipes counts the results of the readings since the start.
type Pipes struct {
	Processes int           // that answered the last one
	Duration  time.Duration // of the last one
	Errors    uint64        // readings that failed
	Fault     error         // of the last one; nil if it did not fail
	// Pipes that were not read, or only in part, by reason, and removed ones.
	Refused, TimedOut, TooLarge, Malformed, Removed uint64
}

func newPipeReader(cfg *Config, l *lane) (*pipeReader, error) {
	since, err := pipes.Started(os.Getpid())
	if err != nil {
		return nil, metric.FlagErrorf("--pipe-dir", cfg.PipeDir, "cannot tell old processes from new: %w", err)
	}
	prefix := strings.TrimSuffix(cfg.PipePrefix, ".")
	if prefix != "" {
		prefix += "."
	}
	serving, stop := context.WithCancel(context.Background())
	readings, cut := context.WithCancel(context.Background())
	return &pipeReader{
		serving:  serving,
		stop:     stop,
		readings: readings,
		cut:      cut,

		reader: pipes.Reader{Dir: cfg.PipeDir, Timeout: cfg.PipeTimeout, RemoveStale: true},
		// What was counted before the daemon started is not what was counted
		// in its first interval.
		deltas:   pipes.Deltas{Names: cfg.PipeCounters, Since: since},
		prefix:   prefix,
		lane:     l,
		log:      cfg.Log,
		interval: int64(cfg.FlushInterval),
		// The longest time that a reading takes.
		lead: int64(2 * cfg.PipeTimeout),
	}, nil
}

// run reads before each flush, until readLast is called.
func (p *pipeReader) run() {
	for p.await(p.serving) {
		p.read(p.readings, &p.reader)
	}
}

// readLast stops run and reads once more, for the last flush. It takes no longer than
// patience. A reading that is under way gets half of
// that: a program that is cut short may not answer again at once.
func (p *pipeReader) readLast(patience time.Duration) {
	p.stop()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	defer p.cut()
	defer time.AfterFunc(patience/2, p.cut).Stop()
	hasty := p.reader
	if hasty.Timeout = min(hasty.Timeout, patience/4); hasty.Timeout > 0 {
		p.read(ctx, &hasty)
	}
}

// await waits until the next reading is due; false if ctx ends first.
func (p *pipeReader) await(ctx context.Context) bool {
	now := time.Now().UnixNano()
	for due := p.due(now); now < due; due = min(due, p.due(now)) { // the clock may be put back
		if !clock.Sleep(ctx, clock.UntilDue(now, due)) {
			return false
		}
		now = time.Now().UnixNano()
	}
	return ctx.Err() == nil
}

// due returns when the first reading after now begins.
func (p *pipeReader) due(now int64) int64 {
	return clock.Floor(now+p.lead, p.interval) + p.interval - p.lead
}

// read reads the pipes once.
func (p *pipeReader) read(ctx context.Context, reader *pipes.Reader) {
	p.turn.Lock()
	defer p.turn.Unlock()
	start := time.Now()
	result, err := reader.Read(ctx)
	if err != nil {
		p.fail(ctx, err)
		return
	}
	refused := p.deltas.Refused
	counts := p.deltas.Update(result.Processes)
	levels := p.merger.Merge(result.Processes)
	maps.DeleteFunc(levels, func(name string, _ statvent.Value) bool { return p.deltas.Match(name) })
	p.add(metric.Counter, counts)
	p.add(metric.Gauge, levels)
	p.refuse(p.deltas.Refused - refused)
	p.count(result, time.Since(start))
	p.warn(result)
}

// add takes figures to the lane, a few at a time, so that its receiver hardly
// waits. They are in order, so that of two names that are one when cleaned
// the same always wins.
func (p *pipeReader) add(kind metric.Kind, figures map[string]statvent.Value) {
	l := p.lane
	for names := range slices.Chunk(slices.Sorted(maps.Keys(figures)), aggregate.BatchSize) {
		l.shard.Lock()
		for _, name := range names {
			line := fmt.Appendf(nil, "%s%s: %v", p.prefix, name, figures[name])
			if l.watch.on() {
				l.watch.lines(line)
			}
			l.pend(metric.Sample{
				Kind: kind, Name: line[:len(p.prefix)+len(name)], Value: figures[name].Float64(), Weight: 1,
			}, line)
		}
		l.addPending()
		l.shard.Unlock()
	}
}

// refuse counts samples for which there was no room to remember the last
// values of their names.
func (p *pipeReader) refuse(n uint64) {
	p.lane.shard.Lock()
	p.lane.tally.Samples += n
	p.lane.tally.Discarded[metric.RefusedName] += n
	p.lane.shard.Unlock()
}

func (p *pipeReader) count(r *pipes.Result, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &p.seen
	s.Duration, s.Fault = took, nil
	s.Processes = 0
	for _, process := range r.Processes {
		if process.Err == nil {
			s.Processes++
		}
	}
	s.Refused += uint64(r.Refused)
	s.TimedOut += uint64(r.TimedOut)
	s.TooLarge += uint64(r.TooLarge)
	s.Malformed += uint64(r.Malformed)
	s.Removed += uint64(r.Removed)
}

// pipeWarnings is the least time between two warnings about pipes.
const pipeWarnings = time.Minute

// warn tells the log, now and then, of pipes that were not read.
func (p *pipeReader) warn(r *pipes.Result) {
	if len(r.Errors)+r.Malformed == 0 || time.Since(p.warned) < pipeWarnings {
		return
	}
	p.warned = time.Now()
	e := p.log.Warn().Int("refused", r.Refused).Int("timeouts", r.TimedOut).
		Int("too_large", r.TooLarge).Int("malformed", r.Malformed)
	if len(r.Errors) > 0 {
		e = e.Err(r.Errors[0])
	}
	e.Msg("some stat pipes could not be read, or only in part")
}

// fail counts a reading that came to nothing, unless it was cut short by the
// end, which is followed by another.
func (p *pipeReader) fail(ctx context.Context, err error) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	p.mu.Lock()
	p.seen.Errors++
	p.seen.Fault = err
	p.mu.Unlock()
	if time.Since(p.warned) >= pipeWarnings {
		p.warned = time.Now()
		p.log.Warn().Err(err).Msg("the stat pipes could not be read")
	}
}

// state returns the counts as they are now.
func (p *pipeReader) state() Pipes {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}
