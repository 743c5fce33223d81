package server

import (
	"fmt"
	"os"
	"runtime/metrics"
	"time"
)

// memory is the memory of the process, in bytes.
type memory struct {
	live float64 // live objects as of the last garbage collection
	held float64 // obtained from the system and not returned: about the resident set
}

func readMemory() memory {
	s := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(s)
	bytes := func(i int) float64 { return float64(s[i].Value.Uint64()) }
	return memory{live: bytes(0), held: bytes(1) - bytes(2)}
}

// collectorCPU returns the processor time of the garbage collector, without its work on the threads
// of other goroutines.
func collectorCPU() time.Duration {
	s := []metrics.Sample{
		{Name: "/cpu/classes/gc/mark/dedicated:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/idle:cpu-seconds"},
	}
	metrics.Read(s)
	return time.Duration((s[0].Value.Float64() + s[1].Value.Float64()) * float64(time.Second))
}

// resident returns the resident set of the process in bytes, or 0 if it is not known.
func resident() uint64 {
	text, err := os.ReadFile("/proc/self/statm")
	var size, pages uint64
	if _, scan := fmt.Sscan(string(text), &size, &pages); err != nil || scan != nil {
		return 0
	}
	return pages * uint64(os.Getpagesize())
}
