//go:build !linux

package statvent

import (
	"context"
	"errors"
	"fmt"
)

// Recorder serves the stats of a Registry on a named pipe. It needs /proc of Linux. On other systems, NewRecorder
// returns an error, and the stats can only be read from the Registry.
type Recorder struct{}

// NewRecorder returns errors.ErrUnsupported.
func NewRecorder(*Registry, string) (*Recorder, error) {
	return nil, fmt.Errorf("statvent: cannot serve a pipe on this system: %w", errors.ErrUnsupported)
}

// Path returns "".
func (*Recorder) Path() string { return "" }

// Unserved returns 0.
func (*Recorder) Unserved() int64 { return 0 }

// Close does nothing.
func (*Recorder) Close(context.Context) error { return nil }
