// Package descriptors shares out the file descriptors that the process may open, so that clients
// never take the last ones from sinks, spools and the state file.
package descriptors

import (
	"os"
	"syscall"
)

// unlimited stands for a limit that is not known, or that no process reaches.
const unlimited = 1 << 30

// Limit returns how many descriptors the process may have open (RLIMIT_NOFILE).
func Limit() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > unlimited {
		return unlimited
	}
	return int(limit.Cur)
}

// Share returns how many of the wanted descriptors a group of clients may use that is one of several: at most a
// sixteenth of the limit, and at least 2.
func Share(wanted int) int { return min(wanted, max(2, Limit()/16)) }

// Open returns how many descriptors are open, or a guess where the system does not tell.
func Open() int {
	const guess = 16
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return guess
	}
	return len(files)
}
