package cputime

import (
	"syscall"
	"time"
)

// Thread returns the processor time of the current thread.
func Thread() time.Duration { return used(syscall.RUSAGE_THREAD) }

// Process returns the processor time of this process.
func Process() time.Duration { return used(syscall.RUSAGE_SELF) }

func used(who int) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(who, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
