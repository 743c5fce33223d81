//go:build !linux

package listen

// sharePort does nothing: only one receiver binds the port.
func sharePort(uintptr) error { return nil }

// QueueLimit returns 0: the limit is unknown.
func QueueLimit() int { return 0 }
