package probe

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

// maxHeld is the maximum number of lines that a lane stores between two collections.
const maxHeld = 256

// ring stores matching lines for a TailQuery, until Collect removes them.
type ring struct {
	match *matcher
	from  func(meta.Sender) bool // reports whether a sender matches; nil if all senders match
	bad   bool

	held, spare []heldLine // the lines stored now; the lines that the previous collection returned
	last        *byte      // the first byte of the last matching line of the current batch; used to recognize more samples of the same line
	full        bool       // whether the last matching line was skipped
	matching    uint64
}

// heldLine is a stored line, with a copy of its bytes.
type heldLine struct {
	Line
	name   []byte // name as received
	sender meta.Sender
}

// NewTailLooks returns one Look for each lane. A Look is one lane's part of a probe. NewTailLooks
// returns an error if the query is invalid.
func NewTailLooks(q TailQuery, names metric.NameForm, lanes int, ends time.Time) ([]*Look, error) {
	from, err := senderFilter(q.Sender)
	if err != nil {
		return nil, err
	}
	looks := make([]*Look, lanes)
	for i := range looks {
		m, err := newMatcher(q.Match, names)
		if err != nil {
			return nil, err
		}
		looks[i] = &Look{
			observer: &ring{match: m, from: from, bad: q.Bad},
			ends:     ends, asks: q.Senders || from != nil, needs: from != nil,
		}
	}
	return looks, nil
}

// senderFilter returns a function that reports whether a sender has the given address or is in the
// given network. It returns nil if text is empty.
func senderFilter(text string) (func(meta.Sender) bool, error) {
	if text == "" {
		return nil, nil
	}
	if network, err := netip.ParsePrefix(text); err == nil {
		return func(s meta.Sender) bool { return network.Contains(s.Addr()) }, nil
	}
	if address, err := netip.ParseAddr(text); err == nil {
		return func(s meta.Sender) bool { return s.Addr() == address.Unmap() }, nil
	}
	return nil, &Invalid{"sender", fmt.Errorf("%q is neither an address such as 10.20.4.17 nor a network such as 10.20.0.0/16", text)}
}

func (r *ring) note(e *Event) {
	if r.bad && !e.Bad() || r.from != nil && !r.from(e.Sender) || !r.match.match(e.Name) {
		return
	}
	if len(e.Line) > 0 && r.last == &e.Line[0] { // e is another sample of the last line
		if !r.full {
			r.held[len(r.held)-1].join(e)
		}
		return
	}
	r.matching++
	r.last = nil
	if len(e.Line) > 0 {
		r.last = &e.Line[0]
	}
	if r.full = len(r.held) == maxHeld; r.full {
		return
	}
	if len(r.held) < cap(r.held) {
		r.held = r.held[:len(r.held)+1] // reuse the memory of a line that was collected earlier
	} else {
		r.held = append(r.held, heldLine{})
	}
	r.held[len(r.held)-1].set(e)
}

func (r *ring) endBatch(int) { r.last = nil }

func (h *heldLine) set(e *Event) {
	text := append(h.Text[:0], e.Line[:min(len(e.Line), maxLine)]...)
	h.Line = Line{
		Over: e.Over, Text: text, Length: len(e.Line), Samples: 1,
		Kind: e.Kind, Reason: e.Reason, At: e.At,
	}
	h.sender, h.name = e.Sender, append(h.name[:0], e.Name...)
	if e.Arrived > 0 {
		h.Time = time.Unix(0, e.Arrived)
	}
}

// join adds another sample of the same line to h. If the sample is bad, the line counts as bad.
func (h *heldLine) join(e *Event) {
	h.Samples++
	switch {
	case h.Reason == metric.None && e.Reason != metric.None:
		h.Reason, h.At = e.Reason, e.At
	case h.Reason != metric.None && e.Reason == metric.None:
		h.Kind = e.Kind
	}
}

// collect removes and returns the stored lines. They are valid until the next collection.
func (r *ring) collect() []heldLine {
	lines := r.held
	r.held, r.spare = r.spare[:0], lines
	return lines
}

// Collect removes and returns the lines that a Look of NewTailLooks stores. The lines are valid
// until the next call. The caller must hold the lock of the Look's lane.
func (k *Look) Collect() Collected {
	r := k.observer.(*ring)
	return Collected{r.collect(), r.matching, k.extent}
}

// Collected holds the matching lines of one lane since the previous collection, and the number of
// lines that have matched since the start.
type Collected struct {
	lines    []heldLine
	matching uint64
	extent   extent
}

// Tailed holds the lines collected from all lanes.
type Tailed struct {
	Lines    []Line // sorted by time, the oldest line first
	Matching uint64 // lines that matched since the start of the probe
	Looked   Looked
}

// TailOf joins the lines collected from several lanes, and copies them. A line whose time of arrival is unknown gets
// the time span.Until.
func TailOf(lanes []Collected, names metric.NameForm, span Span) Tailed {
	var t Tailed
	var sum extent
	for i := range lanes {
		c := &lanes[i]
		t.Matching += c.matching
		sum.add(c.extent)
		t.Lines = append(t.Lines, c.copies(i, names, span.Until)...)
	}
	t.Looked = sum.in(span)
	t.Looked.Receivers = len(lanes)
	slices.SortStableFunc(t.Lines, func(a, b Line) int { return a.Time.Compare(b.Time) })
	return t
}

func (c *Collected) copies(lane int, names metric.NameForm, now time.Time) (lines []Line) {
	for i := range c.lines {
		h := &c.lines[i]
		line := h.Line
		line.Receiver, line.Sender = lane, string(h.sender.AppendHost(nil))
		line.Text = slices.Clone(h.Text)
		line.Name = kept(names, h.name)
		if line.Time.IsZero() {
			line.Time = now
		}
		lines = append(lines, line)
	}
	return lines
}

// Tail is a running TailQuery, for one reader.
type Tail struct {
	// Lines yields lines until the time of the query is over or Close is called. A reader that is too
	// slow misses lines, because the probe does not wait for readers.
	Lines <-chan Line

	lines chan Line
	limit int
	close func()

	mu     sync.Mutex
	counts TailCounts
	second time.Time // start of the current second
	left   int       // number of lines that may still be sent in the current second
	before uint64    // number of lines that matched before this reader joined
	began  bool
	ended  bool
}

// NewTail returns a Tail. It calls onClose once, when the reader closes the Tail.
func NewTail(limit int, onClose func()) *Tail {
	lines := make(chan Line, limit)
	return &Tail{Lines: lines, lines: lines, limit: limit, close: sync.OnceFunc(onClose)}
}

// Close ends the Tail. The reader of the Tail must call Close.
func (t *Tail) Close() { t.close() }

// Counts returns the counts of the Tail so far.
func (t *Tail) Counts() TailCounts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts
}

// Offer sends lines to the reader. It skips lines beyond the reader's limit, and lines that do not
// fit into the reader's channel.
func (t *Tail) Offer(all Tailed, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	if !t.began {
		t.began, t.before = true, all.Matching-uint64(len(all.Lines))
	}
	if now.Sub(t.second) >= time.Second {
		t.second, t.left = now, t.limit
	}
	for _, line := range all.Lines {
		if t.left == 0 {
			break
		}
		select {
		case t.lines <- line:
			t.left--
			t.counts.Shown++
		default:
		}
	}
	t.counts.Looked = all.Looked
	t.counts.Matching = all.Matching - t.before
	t.counts.Skipped = t.counts.Matching - t.counts.Shown
}

// End closes Lines.
func (t *Tail) End() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ended {
		t.ended = true
		close(t.lines)
	}
}
