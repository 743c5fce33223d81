//go:build !linux

package ports

// withoutFork runs f. On systems other than Linux, package net itself takes the lock against new
// processes.
func withoutFork(f func() bool) bool { return f() }
