package intake

import (
	"bytes"
	"iter"
	"strconv"
	"sync/atomic"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

// watch logs what goes through the daemon, for --debug and --debug-metric.
// Its entries are queued for a goroutine that logs them. When the queue is full,
// entries are skipped and counted, so that receiving is not slowed. A nil watch
// watches nothing.
type watch struct {
	log     zerolog.Logger
	needle  []byte // lines that contain it are logged; empty for none
	entries chan watched
	skipped atomic.Uint64
	ended   chan struct{} // closed by end
}

// watched is one thing seen.
type watched struct {
	what string // "discarded", "received", "published"
	text string // escaped
	bad  meta.BadLine
}

// maxWatched is how many entries may wait to be logged.
const maxWatched = 4096

func newWatch(cfg *Config) *watch {
	if !cfg.Debug {
		return nil
	}
	return &watch{log: cfg.Log, needle: []byte(cfg.DebugMetric), entries: make(chan watched, maxWatched), ended: make(chan struct{})}
}

// on reports whether w wants to see lines.
func (w *watch) on() bool { return w != nil && len(w.needle) > 0 }

func (w *watch) put(what string, line []byte, bad meta.BadLine) {
	if len(w.entries) == cap(w.entries) {
		w.skipped.Add(1)
		return
	}
	bad.Line = nil // borrowed
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

// lines shows w received lines.
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

// points shows w the points of a flush.
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

// missed returns how many entries were skipped.
func (w *watch) missed() uint64 {
	if w == nil {
		return 0
	}
	return w.skipped.Load()
}

// appendPoint appends a point for people to read.
func appendPoint(dst []byte, p metric.Point) []byte {
	dst = append(append(dst, p.Path...), ' ')
	dst = append(strconv.AppendFloat(dst, p.Value, 'f', -1, 64), ' ')
	return strconv.AppendInt(dst, p.Time, 10)
}

// end makes run return.
func (w *watch) end() {
	if w != nil {
		close(w.ended)
	}
}

// run logs the entries until end, and then what is left in the queue.
func (w *watch) run() {
	reported := uint64(0)
	for {
		select {
		case e := <-w.entries:
			w.logEntry(e)
			if skipped := w.skipped.Load(); len(w.entries) == 0 && skipped > reported {
				w.log.Debug().Uint64("skipped", skipped-reported).Msg("more than could be logged")
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
	ev := w.log.Debug()
	if e.bad.Reason != "" {
		ev = ev.Str("reason", e.bad.Reason)
	}
	if e.bad.Sender.Known() {
		ev = ev.Stringer("sender", e.bad.Sender)
	}
	ev.Str("line", e.text).Msg(e.what)
}
