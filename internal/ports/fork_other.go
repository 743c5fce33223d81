//go:build !linux

package ports

// withoutFork runs f. On other systems, package net itself takes the lock that is not needed on Linux.
func withoutFork(f func() bool) bool { return f() }
