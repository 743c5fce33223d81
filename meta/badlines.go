package meta

import (
	"sync"
	"time"
)

// BadLine is a received line with at least one discarded sample.
type BadLine struct {
	Time   time.Time
	Sender Sender // unknown if the kernel was not asked for the sender; see --discard-senders
	// Listener is the name of the listener that has received the line. It is empty if the line came from a stat pipe
	// (--pipe-dir).
	Listener string
	Reason   string // reason of the discard, such as "bad_value"
	// Line is the line as received. It may only be shown through Quote.
	Line []byte
	At   int // position of the fault in the line as received
}

// badLines is the maximum number of bad lines that are kept.
const badLines = 100

// BadLines keeps the last 100 bad lines, and counts the bad lines of the last 15 minutes. Its zero
// value is ready for use. Any goroutine may use it.
type BadLines struct {
	mu    sync.Mutex
	lines [badLines]BadLine
	added uint64
	alike alikes
}

// Add adds a bad line. If there are too many lines, it replaces the oldest one and reuses its memory. It copies only
// the beginning of l.Line, as much as Quote needs.
func (b *BadLines) Add(l BadLine) {
	b.mu.Lock()
	defer b.mu.Unlock()
	kept := &b.lines[b.added%badLines]
	b.added++
	if kept.Line == nil {
		kept.Line = make([]byte, 0, QuoteLimit+1)
	}
	// Copy one more byte than Quote shows, so that Quote notices that the line is longer.
	copied := append(kept.Line[:0], l.Line[:min(len(l.Line), QuoteLimit+1)]...)
	*kept = l
	kept.Line = copied
	b.alike.add(kept)
}

// Alike returns the counts of bad lines in the last 15 minutes by sender and reason, largest first.
func (b *BadLines) Alike(now time.Time) []Alike {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.alike.list(now)
}

// Last returns copies of the kept lines, newest first.
func (b *BadLines) Last() []BadLine {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(b.added, badLines)
	last := make([]BadLine, 0, n)
	for i := range n {
		l := b.lines[(b.added-1-i)%badLines]
		l.Line = append([]byte(nil), l.Line...)
		last = append(last, l)
	}
	return last
}
