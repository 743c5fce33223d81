//go:build !linux

package listen

// sharePort does nothing, because on this system only one receiver binds the port.
func sharePort(uintptr) error { return nil }

// QueueLimit returns 0, because this system does not report the limit.
func QueueLimit() int { return 0 }
