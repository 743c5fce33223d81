// Package memory measures how much memory the process uses.
package memory

import (
	"fmt"
	"os"
	"runtime/metrics"
)

// Usage is the memory use of the process, in bytes.
type Usage struct {
	Live float64 // size of live objects after the last garbage collection
	Held float64 // memory that the Go runtime holds; approximately the resident set size
}

// Read returns the memory that the process uses.
func Read() Usage {
	s := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(s)
	bytes := func(i int) float64 { return float64(s[i].Value.Uint64()) }
	return Usage{Live: bytes(0), Held: bytes(1) - bytes(2)}
}

// Resident returns the resident set size of the process in bytes, or 0 if it is unknown.
func Resident() uint64 {
	text, err := os.ReadFile("/proc/self/statm")
	var size, pages uint64
	if _, scan := fmt.Sscan(string(text), &size, &pages); err != nil || scan != nil {
		return 0
	}
	return pages * uint64(os.Getpagesize())
}
