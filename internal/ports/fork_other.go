//go:build !linux

package ports

// withoutFork runs f. On some systems other than Linux, package net takes syscall.ForkLock for each
// new socket, so withoutFork must not hold this lock.
func withoutFork(f func() bool) bool { return f() }
