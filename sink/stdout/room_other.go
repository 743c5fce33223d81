//go:build !unix

package stdout

import (
	"context"
	"os"
)

// waitForRoom does not wait on this system. So a write to a full pipe blocks until a program reads
// from the pipe.
func waitForRoom(ctx context.Context, _ *os.File) error { return context.Cause(ctx) }
