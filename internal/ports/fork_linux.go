package ports

import "syscall"

// withoutFork runs f while this process starts no other process. A new process has a copy of every
// open socket until its exec. On a busy machine the exec can be late, and a port that f has closed
// would stay bound until the exec.
func withoutFork(f func() bool) bool {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return f()
}
