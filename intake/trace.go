package intake

import (
	"bytes"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/meta"
)

// MaxTraced is how many lines a second a Trace logs. Further ones are skipped and counted.
const MaxTraced = 1000

// Trace logs the received lines of some names for some time. Other lines cost one comparison each.
type Trace struct {
	Match func(name []byte) bool // gets names as received, and clean
	Until time.Time
}

// tracing is the running Trace. A lane has none while nobody traces.
type tracing struct {
	*watch
	Trace
	clean  func(name []byte) []byte
	second atomic.Int64 // Unix
	lines  atomic.Int64 // logged in that second
}

// tracer keeps the tracing of an Intake.
type tracer struct {
	mu      sync.Mutex
	running *tracing // nil for none
	skipped uint64   // by earlier ones
}

// Trace logs received lines, in place of an earlier Trace. nil only ends that. Any goroutine may call
// it.
func (in *Intake) Trace(t *Trace) {
	in.trace.mu.Lock()
	defer in.trace.mu.Unlock()
	before := in.trace.running
	in.trace.running = nil
	if t != nil {
		// The lines are warnings, because --quiet must not hide them.
		w := &watch{log: in.cfg.Log, level: zerolog.WarnLevel, entries: make(chan watched, maxWatched), ended: make(chan struct{})}
		in.trace.running = &tracing{watch: w, Trace: *t, clean: in.cfg.Clean}
		in.watching.Go(w.run)
	}
	for _, l := range in.lanes {
		l.shard.Lock()
		l.trace = in.trace.running
		l.shard.Unlock()
	}
	if before != nil {
		in.trace.skipped += before.missed()
		before.end()
	}
}

// untraced returns the number of matching lines that were not logged.
func (t *tracer) untraced() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running == nil {
		return t.skipped
	}
	return t.skipped + t.running.missed()
}

// traceLines shows received lines to the lane's tracing, which the lane drops when its time is over.
func (l *lane) traceLines(buf []byte) {
	now := time.Now()
	if !now.Before(l.trace.Until) {
		l.trace = nil
		return
	}
	for line := range bytes.SplitSeq(buf, []byte{'\n'}) {
		l.trace.show(line, now.Unix())
	}
}

func (t *tracing) show(line []byte, second int64) {
	name, _, ok := bytes.Cut(line, []byte{':'})
	if !ok || !t.Match(name) && !t.Match(t.clean(name)) {
		return
	}
	if t.second.Swap(second) != second {
		t.lines.Store(0)
	}
	if t.lines.Add(1) > MaxTraced {
		t.watch.skipped.Add(1)
		return
	}
	t.put("traced", line, meta.BadLine{})
}
