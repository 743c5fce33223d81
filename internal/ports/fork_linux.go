package ports

import "syscall"

// withoutFork runs f while this process starts no other. A new process has a copy of every open socket for a moment,
// which can be long on a busy machine. During this time a port that this process has closed stays bound.
func withoutFork(f func() bool) bool {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return f()
}
