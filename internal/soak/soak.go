// Package soak sets the size of tests. There are three ways to run the tests:
//
//   - "go test" runs only quick tests, at reduced size.
//   - "make test" sets TESTS=all. It runs quick and slow tests, at reduced size.
//   - "make soak" sets SOAK to a duration. It runs only the tests with "Soak" in their names, at full size. They check
//     exact bounds, and log their measurements as table rows for docs/reliability.md.
//
// Example of a slow soak test:
//
//	soak.Slow(t)
//	names := soak.Pick(10_000, 1_000_000)
//	...
//	soak.Row(t, "a million new names", "280 bytes each", "300")
package soak

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// On reports whether tests must run at full size and check exact bounds.
func On() bool { return os.Getenv("SOAK") != "" }

// All reports whether slow tests must run.
func All() bool { return On() || os.Getenv("TESTS") == "all" }

// Slow skips a test that takes several seconds, unless slow tests are enabled.
func Slow(t testing.TB) {
	t.Helper()
	if !All() {
		t.Skip("slow (make test runs it)")
	}
}

// Pick returns the parameter full if tests run at full size, and the parameter short if not.
func Pick[T any](short, full T) T {
	if On() {
		return full
	}
	return short
}

// Times returns n, or a fifth of n if only quick tests run, or if the race detector is on. It is for tests with many
// rounds in a single goroutine: the race detector makes them slow, and can find no races in them. In a full-size run,
// Times always returns n.
func Times(n int) int {
	if !On() && (race || !All()) {
		return max(n/5, 1)
	}
	return n
}

// Duration returns the duration in $SOAK if tests run at full size, and the parameter short if not.
func Duration(t testing.TB, short time.Duration) time.Duration {
	t.Helper()
	if !On() {
		return short
	}
	d, err := time.ParseDuration(os.Getenv("SOAK"))
	if err != nil {
		t.Fatalf("SOAK: %v", err)
	}
	return d
}

// Row logs a row of the table in docs/reliability.md: the fault that the test causes, the measurement, its bound, and
// the command that repeats the measurement. If the test runs at reduced size, the row says so.
func Row(t testing.TB, fault, measured, bound string) {
	t.Helper()
	if !On() {
		fault += " (reduced)"
	}
	name, _, _ := strings.Cut(t.Name(), "/")
	command := fmt.Sprintf("SOAK=%s go test -v -run '^%s$' ./%s", os.Getenv("SOAK"), name, folder())
	t.Logf("row: | %s | %s | %s | `%s` |", fault, measured, bound, command)
}

// folder returns the directory of the test's package, relative to the root of its module. Tests run
// in this directory.
func folder() string {
	dir, err := os.Getwd()
	if err != nil {
		return "..."
	}
	for root := dir; root != filepath.Dir(root); root = filepath.Dir(root) {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			rel, _ := filepath.Rel(root, dir) // Rel fails only if one of the paths is relative
			return filepath.ToSlash(rel)
		}
	}
	return "..."
}
