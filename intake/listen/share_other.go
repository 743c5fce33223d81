//go:build !linux

package listen

// sharePort does nothing: only one receiver binds the port.
func sharePort(uintptr) error { return nil }
