package meta

import (
	"sync"
	"time"
)

// BadLine is a received line with at least one discarded sample.
type BadLine struct {
	Time   time.Time
	Sender Sender // unknown, unless the kernel was asked
	// Listener is the name of the listener that received it; empty for a stat pipe.
	Listener string
	Reason   string // such as "bad_value"
	// Line is the line as received. Show it through Quote only.
	Line []byte
	At   int // where it is bad: an index in the line as received
}

// badLines is the number of bad lines that are kept.
const badLines = 100

// BadLines keeps the last 100 bad lines, and counts the bad lines of 15 minutes. Its zero value is ready for use, and
// it is safe for concurrent use.
type BadLines struct {
	mu    sync.Mutex
	lines [badLines]BadLine
	added uint64
	alike alikes
}

// Add keeps l in place of the oldest line. It copies the part of l.Line that
// Quote shows, and reuses the memory of the oldest line.
func (b *BadLines) Add(l BadLine) {
	b.mu.Lock()
	defer b.mu.Unlock()
	kept := &b.lines[b.added%badLines]
	b.added++
	if kept.Line == nil {
		kept.Line = make([]byte, 0, QuoteLimit+1)
	}
	// One byte more than Quote shows, so that Quote can see that the line was longer.
	copied := append(kept.Line[:0], l.Line[:min(len(l.Line), QuoteLimit+1)]...)
	*kept = l
	kept.Line = copied
	b.alike.add(kept)
}

// Alike returns the counts of bad lines in the last 15 minutes by sender and reason, the greatest first.
func (b *BadLines) Alike(now time.Time) []Alike {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.alike.list(now)
}

// Last returns copies of the kept lines, the newest first.
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
