package ports

import "syscall"

// withoutFork runs f while this process starts no other. A new process has a copy of every open socket
// for a moment, which on a busy machine is long: with it, a port that was closed here stays bound.
func withoutFork(f func() bool) bool {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return f()
}
