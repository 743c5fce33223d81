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

// pipeReader reads the stat pipes of the host's processes before each flush, and adds the values to
// a lane, like lines from clients. It has its own goroutine, so that a slow process does not delay
// a flush. A reading that ends after the flush counts for the next flush.
type pipeReader struct {
	reader pipes.Reader
	merger pipes.Merger
	prefix string // prefix of names, including the final dot
	lane   *lane
	log    zerolog.Logger

	serving  context.Context // context of the method run; the function stop cancels it
	stop     context.CancelFunc
	readings context.Context // context of all readings that run starts; the function cut cancels it
	cut      context.CancelFunc

	turn   sync.Mutex // locked while the pipes are read
	deltas pipes.Deltas
	warned time.Time

	interval, lead int64 // nanoseconds between two flushes, and from the start of a reading to its flush

	mu   sync.Mutex
	seen Pipes
}

// Pipes describes the last reading of the pipes. It also counts the failed readings, and the pipes that were not read
// completely, since the start.
type Pipes struct {
	Processes int           // processes that answered in the last reading
	Duration  time.Duration // duration of the last reading
	Errors    uint64        // number of failed readings
	Fault     error         // error of the last reading; nil if the reading succeeded
	// Refused, TimedOut, TooLarge and Malformed count pipes that were not read completely, by reason. Removed counts
	// the pipes that the daemon removed because their processes had ended.
	Refused, TimedOut, TooLarge, Malformed, Removed uint64
}

func newPipeReader(cfg *Config, l *lane) (*pipeReader, error) {
	since, err := pipes.Started(os.Getpid())
	if err != nil {
		return nil, metric.FlagErrorf("--pipe-dir", cfg.PipeDir, "cannot read the start time of this process, which is needed to ignore counts from before its start: %w", err)
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
		// The daemon's first flush interval must not contain what processes counted before the daemon started.
		deltas:   pipes.Deltas{Names: cfg.PipeCounters, Since: since},
		prefix:   prefix,
		lane:     l,
		log:      cfg.Log,
		interval: int64(cfg.FlushInterval),
		// start each reading early enough, even if the reading takes twice the timeout
		lead: int64(2 * cfg.PipeTimeout),
	}, nil
}

// run reads the pipes before each flush, until readLast is called.
func (p *pipeReader) run() {
	for p.await(p.serving) {
		p.read(p.readings, &p.reader)
	}
}

// readLast stops run and reads the pipes once more for the last flush. It takes at most the
// duration patience. A reading that already runs may take half of that time to finish, because a
// process whose reading is interrupted may not answer a second reading at once.
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

// await waits until the next reading is due. It returns false if ctx ends before that.
func (p *pipeReader) await(ctx context.Context) bool {
	now := time.Now().UnixNano()
	for due := p.due(now); now < due; due = min(due, p.due(now)) { // the system clock may be set back while await waits
		if !clock.Sleep(ctx, clock.UntilDue(now, due)) {
			return false
		}
		now = time.Now().UnixNano()
	}
	return ctx.Err() == nil
}

// due returns the start time of the first reading after now.
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

// add adds values to the lane in small groups, so that it holds the lane's lock only briefly. The values are sorted
// by name, so that the result is always the same if cleaning makes two names equal.
func (p *pipeReader) add(kind metric.Kind, values map[string]statvent.Value) {
	l := p.lane
	for names := range slices.Chunk(slices.Sorted(maps.Keys(values)), aggregate.BatchSize) {
		l.shard.Lock()
		probes := l.begin(&l.own, true)
		for _, name := range names {
			line := fmt.Appendf(nil, "%s%s: %v", p.prefix, name, values[name])
			if l.watch.on() {
				l.watch.lines(line)
			}
			l.pend(metric.Sample{
				Kind: kind, Name: line[:len(p.prefix)+len(name)], Value: values[name].Float64(), Weight: 1,
			}, line)
		}
		l.addPending()
		l.end(probes)
		l.shard.Unlock()
	}
}

// refuse counts samples that were left out because the reader already stores its maximum number of names (see
// pipes.Deltas).
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

// pipeWarnings is the minimum time between two warnings about pipes.
const pipeWarnings = time.Minute

// warn logs which pipes were not read, at most once in pipeWarnings.
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
	e.Msg("some stat pipes could not be read, or were read only partly")
}

// fail counts a failed reading. It ignores a reading that shutdown interrupted, because readLast
// reads once more.
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

// state returns the result of the last reading and the counts of all readings.
func (p *pipeReader) state() Pipes {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}
