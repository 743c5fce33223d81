// Package descriptors limits how many of the process's file descriptors each group of clients may
// use. Clients can never use the last descriptors, so sinks, spools and the state file can always
// open their files.
package descriptors

import (
	"errors"
	"syscall"
)

// unlimited is the result of Limit if the limit is unknown or too high to matter.
const unlimited = 1 << 30

// Limit returns the maximum number of open descriptors (RLIMIT_NOFILE).
func Limit() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > unlimited {
		return unlimited
	}
	return int(limit.Cur)
}

// Exhausted reports whether an error was caused by a lack of free file descriptors.
func Exhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// Share returns how many descriptors a group of clients may use: the number wanted, but not more than a sixteenth of
// the process's limit. If the sixteenth is less than 2, the result may still be 2.
func Share(wanted int) int { return min(wanted, max(2, Limit()/16)) }
