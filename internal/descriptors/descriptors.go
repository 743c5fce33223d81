// Package descriptors divides the file descriptors that the process may open, so that clients never
// take the last ones from sinks, spools and the state file.
package descriptors

import (
	"errors"
	"syscall"
)

// unlimited is used for an unknown limit, or one that no process reaches.
const unlimited = 1 << 30

// Limit returns the maximum number of open descriptors (RLIMIT_NOFILE).
func Limit() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > unlimited {
		return unlimited
	}
	return int(limit.Cur)
}

// Exhausted reports whether an error says that no descriptor was free.
func Exhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// Share returns how many of the wanted descriptors one of several groups of clients may use: at
// most a sixteenth of the limit, and at least 2.
func Share(wanted int) int { return min(wanted, max(2, Limit()/16)) }
