package meta

import (
	"slices"
	"sync"
	"time"
)

// Stats keeps the figures of the last flush. Its zero value is ready for use. Any goroutine may use
// it.
type Stats struct {
	mu      sync.Mutex
	figures []Figure
}

// Keep replaces the figures by a copy of the given figures. It computes the rates from the previous values. The
// parameter interval is the time since the previous flush. A new figure has the rate 0.
func (s *Stats) Keep(figures []Figure, interval time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := make(map[string]float64, len(s.figures))
	for _, f := range s.figures {
		before[f.Name] = f.Value
	}
	s.figures = append(s.figures[:0], figures...)
	for i := range s.figures {
		f := &s.figures[i]
		f.Rate = 0
		if was, ok := before[f.Name]; ok && f.Count && interval > 0 {
			f.Rate = (f.Value - was) / interval.Seconds()
		}
	}
}

// Figures returns a copy of the figures, in the order of the last call of Keep. It returns none before the first Keep.
func (s *Stats) Figures() []Figure {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.figures)
}
