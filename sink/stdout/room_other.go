//go:build !unix

package stdout

import (
	"context"
	"os"
)

// waitForRoom has no effect on this system. A write to a pipe without a reader blocks.
func waitForRoom(ctx context.Context, _ *os.File) error { return context.Cause(ctx) }
