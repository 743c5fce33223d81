//go:build !unix

package stdout

import (
	"context"
	"os"
)

// waitForRoom cannot be done here: a write to a pipe that nobody reads blocks.
func waitForRoom(ctx context.Context, _ *os.File) error { return context.Cause(ctx) }
