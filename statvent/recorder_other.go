//go:build !linux

package statvent

import (
	"context"
	"errors"
	"fmt"
)

// Recorder serves the stats of a Registry on a named pipe. It needs /proc of Linux.
// On other systems NewRecorder fails, and the stats are only in the Registry.
type Recorder struct{}

// NewRecorder fails with errors.ErrUnsupported.
func NewRecorder(*Registry, string) (*Recorder, error) {
	return nil, fmt.Errorf("statvent: cannot serve a pipe on this system: %w", errors.ErrUnsupported)
}

// Path is empty.
func (*Recorder) Path() string { return "" }

// Unserved is 0.
func (*Recorder) Unserved() int64 { return 0 }

// Close does nothing.
func (*Recorder) Close(context.Context) error { return nil }
