package meta

import (
	"sync"
	"time"
)

// BadLine is a received line of which at least one sample was discarded.
type BadLine struct {
	Time   time.Time
	Sender Sender // unknown, unless the kernel was asked
	Reason string // such as "bad_value"
	// Line is as received: show it with Quote only.
	Line []byte
}

// badLines is how many bad lines are kept.
const badLines = 100

// BadLines keeps the last 100 bad lines. Its zero value is ready for use, and
// it is safe for concurrent use.
type BadLines struct {
	mu    sync.Mutex
	lines [badLines]BadLine
	added uint64
}

// Add keeps l instead of the oldest line. It copies what Quote would show of
// l.Line, into memory that it has from the oldest line: no allocation, once
// warm.
func (b *BadLines) Add(l BadLine) {
	b.mu.Lock()
	defer b.mu.Unlock()
	kept := &b.lines[b.added%badLines]
	b.added++
	if kept.Line == nil {
		kept.Line = make([]byte, 0, QuoteLimit+1)
	}
	// One byte more than is shown, for Quote to see that the line went on.
	copied := append(kept.Line[:0], l.Line[:min(len(l.Line), QuoteLimit+1)]...)
	*kept = l
	kept.Line = copied
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
