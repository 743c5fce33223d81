//go:build !linux

package ports

// withoutFork runs f. Elsewhere, package net itself takes the lock that Linux can do without.
func withoutFork(f func() bool) bool { return f() }
