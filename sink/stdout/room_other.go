//go:build !unix

package stdout

import (
	"context"
	"os"
)

// waitForRoom does nothing on this system, so a write to a pipe without a reader blocks.
func waitForRoom(ctx context.Context, _ *os.File) error { return context.Cause(ctx) }
