//go:build unix

package main

import (
	"os"

	"github.com/statsd-ops/statsd/internal/safefile"
)

// openFile opens a regular file. A FIFO or a device is an error, because reading it may never end.
func openFile(path string) (*os.File, error) { return safefile.Read(path) }
