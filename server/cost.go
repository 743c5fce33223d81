package server

import (
	"runtime/metrics"
	"syscall"
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

// usedCPU returns the processor time of the process so far, or 0 if the system does not tell.
func usedCPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
