//go:build linux

package main

import (
	"path/filepath"
	"testing"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
)

func TestDaemonIsMeasured(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	dir := t.TempDir()
	if err := counterpart.Build(dir, "statsd"); err != nil {
		t.Fatal(err)
	}
	measure(t, filepath.Join(dir, "statsd"), "statsd", short)
}
