//go:build linux

package main

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/statsd-ops/statsd/internal/soak"
)

func TestDaemonIsMeasured(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	statsd := filepath.Join(t.TempDir(), "statsd")
	if out, err := exec.Command("go", "build", "-o", statsd, "github.com/statsd-ops/statsd/cmd/statsd").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	measure(t, statsd, "statsd", short)
}
