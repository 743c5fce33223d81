package intake

import (
	"bytes"
	"iter"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

// watch logs lines and points for --debug and --debug-metric. A goroutine writes the queued entries
// to the log. When the queue is full, entries are skipped and counted, so that logging does not
// delay receiving. A nil watch logs nothing.
type watch struct {
	log     zerolog.Logger
	level   zerolog.Level
	needle  []byte // lines that contain this text are logged; an empty text selects no lines
	entries chan watched
	skipped atomic.Uint64
	ended   chan struct{} // closed by the method end
}

// watched is an entry for the log.
type watched struct {
	what string // "discarded", "received" or "published"
	text string // the line or point, with special bytes escaped
	bad  meta.BadLine
}

// maxWatched limits the entries that wait for the log.
const maxWatched = 4096

func newWatch(cfg *Config) *watch {
	if !cfg.Debug {
		return nil
	}
	return &watch{log: cfg.Log, level: zerolog.DebugLevel, needle: []byte(cfg.DebugMetric), entries: make(chan watched, maxWatched), ended: make(chan struct{})}
}

// on reports whether w logs received lines.
func (w *watch) on() bool { return w != nil && len(w.needle) > 0 }

func (w *watch) put(what string, line []byte, bad meta.BadLine) {
	if len(w.entries) == cap(w.entries) {
		w.skipped.Add(1)
		return
	}
	bad.Line = nil // do not keep the line, because the receiver uses its memory again
	select {
	case w.entries <- watched{what, meta.Escape(line), bad}:
	default:
		w.skipped.Add(1)
	}
}

func (w *watch) discard(b meta.BadLine) {
	if w != nil {
		w.put("discarded", b.Line, b)
	}
}

// lines searches buf for lines that contain w.needle, and queues these lines for the log.
func (w *watch) lines(buf []byte) {
	if !bytes.Contains(buf, w.needle) {
		return
	}
	for line := range bytes.SplitSeq(buf, []byte{'\n'}) {
		if bytes.Contains(line, w.needle) {
			w.put("received", line, meta.BadLine{})
		}
	}
}

// points searches the points of a flush for paths that contain w.needle, and queues these points
// for the log.
func (w *watch) points(points iter.Seq[metric.Point]) {
	if !w.on() {
		return
	}
	var line []byte
	for p := range points {
		if bytes.Contains(p.Path, w.needle) {
			line = appendPoint(line[:0], p)
			w.put("published", line, meta.BadLine{})
		}
	}
}

// missed returns the number of entries that were skipped.
func (w *watch) missed() uint64 {
	if w == nil {
		return 0
	}
	return w.skipped.Load()
}

// appendPoint appends a readable form of a point.
func appendPoint(dst []byte, p metric.Point) []byte {
	dst = append(append(dst, p.Path...), ' ')
	dst = append(strconv.AppendFloat(dst, p.Value, 'f', -1, 64), ' ')
	return strconv.AppendInt(dst, p.Time, 10)
}

func (w *watch) end() {
	if w != nil {
		close(w.ended)
	}
}

// run logs the entries until end is called, and then the entries that are still in the queue.
func (w *watch) run() {
	reported := uint64(0)
	for {
		select {
		case e := <-w.entries:
			w.logEntry(e)
			if skipped := w.skipped.Load(); len(w.entries) == 0 && skipped > reported {
				w.log.WithLevel(w.level).Uint64("skipped", skipped-reported).Msg("some lines were not logged, because they arrived faster than they can be logged")
				reported = skipped
			}
		case <-w.ended:
			w.logRest()
			return
		}
	}
}

func (w *watch) logRest() {
	for len(w.entries) > 0 {
		w.logEntry(<-w.entries)
	}
}

func (w *watch) logEntry(e watched) {
	ev := w.log.WithLevel(w.level)
	if e.bad.Reason != "" {
		ev = ev.Str("reason", e.bad.Reason)
	}
	if e.bad.Sender.Known() {
		ev = ev.Stringer("sender", e.bad.Sender)
	}
	ev.Str("line", e.text).Msg(e.what)
}

// MaxTraced is the maximum number of lines per second that a Trace logs. Further lines are skipped
// and counted.
const MaxTraced = 1000

// Trace logs the received lines of selected names until its time is over. Lines of other names cost
// one comparison each.
type Trace struct {
	Match func(name []byte) bool // called with the name as received, and with the clean name
	Until time.Time
}

// tracing is the state of a running Trace.
type tracing struct {
	*watch
	Trace
	clean  func(name []byte) []byte
	second atomic.Int64 // the current second in Unix time
	lines  atomic.Int64 // lines logged in the current second
}

// tracer holds the running Trace of an Intake.
type tracer struct {
	mu      sync.Mutex
	running *tracing // nil if no Trace runs
	skipped uint64   // lines that earlier Traces could not log
}

// Trace starts to log received lines. It replaces a running Trace. With nil, it only ends the
// running Trace. It is safe for concurrent use.
func (in *Intake) Trace(t *Trace) {
	in.trace.mu.Lock()
	defer in.trace.mu.Unlock()
	before := in.trace.running
	in.trace.running = nil
	if t != nil {
		// The level is warning, because --quiet must not hide the lines.
		w := &watch{log: in.cfg.Log, level: zerolog.WarnLevel, entries: make(chan watched, maxWatched), ended: make(chan struct{})}
		in.trace.running = &tracing{watch: w, Trace: *t, clean: in.cfg.Clean}
		in.watching.Go(w.run)
	}
	for _, l := range in.lanes {
		l.shard.Lock()
		l.setShown(l.watch, in.trace.running)
		l.shard.Unlock()
	}
	if before != nil {
		in.trace.skipped += before.missed()
		before.end()
	}
}

// untraced returns the number of matching lines that Traces could not log.
func (t *tracer) untraced() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running == nil {
		return t.skipped
	}
	return t.skipped + t.running.missed()
}

// setShown sets the watch and the tracing that receive the lane's lines. The caller holds the
// shard's lock.
func (l *lane) setShown(w *watch, t *tracing) {
	l.watch, l.trace, l.shows = w, t, w.on() || t != nil
}

// show passes received lines to the lane's watch and tracing.
func (l *lane) show(buf []byte) {
	if l.watch.on() {
		l.watch.lines(buf)
	}
	if l.trace != nil {
		l.traceLines(buf)
	}
}

// traceLines passes the received lines in buf to l.trace. When the time of the Trace is over,
// traceLines sets l.trace to nil.
func (l *lane) traceLines(buf []byte) {
	now := time.Now()
	if !now.Before(l.trace.Until) {
		l.setShown(l.watch, nil)
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
