//go:build !linux

package cputime

import (
	"syscall"
	"time"
)

// Thread returns 0, because only Linux reports the processor time of a thread.
func Thread() time.Duration { return 0 }

// Process returns the processor time of this process.
func Process() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
