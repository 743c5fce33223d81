// Package soak sets the size of tests. Three settings exist:
//
//   - go test runs quick tests, in reduced sizes.
//   - make test sets TESTS=all: slow tests run too, in reduced sizes.
//   - make soak sets SOAK to a duration: soak tests run in full size, check exact
//     bounds, and report their measurements as rows of docs/reliability.md.
//
// A slow soak test looks like this:
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

// On reports whether tests must run in full size and check exact bounds.
func On() bool { return os.Getenv("SOAK") != "" }

// All reports whether slow tests run.
func All() bool { return On() || os.Getenv("TESTS") == "all" }

// Slow skips a test that takes some seconds, unless slow tests are requested.
func Slow(t testing.TB) {
	t.Helper()
	if !All() {
		t.Skip("slow (make test runs it)")
	}
}

// Pick returns full in a run with full sizes, else short.
func Pick[T any](short, full T) T {
	if On() {
		return full
	}
	return short
}

// Times returns n, and with the race detector a fifth. It is for tests of one goroutine with many rounds:
// the detector makes them slow, and finds nothing. Without it, go test runs all rounds.
func Times(n int) int {
	if race && !On() {
		return max(n/5, 1)
	}
	return n
}

// Duration returns $SOAK in a run with full sizes, else short.
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

// Row logs a measurement, its bound, and the command that repeats it. It marks reduced sizes.
func Row(t testing.TB, fault, measured, bound string) {
	t.Helper()
	if !On() {
		fault += " (reduced)"
	}
	name, _, _ := strings.Cut(t.Name(), "/")
	command := fmt.Sprintf("SOAK=%s go test -v -run '^%s$' ./%s", os.Getenv("SOAK"), name, folder())
	t.Logf("row: | %s | %s | %s | `%s` |", fault, measured, bound, command)
}

// folder is the test's folder, relative to its module. Tests run in their packages'
// folders.
func folder() string {
	dir, err := os.Getwd()
	if err != nil {
		return "..."
	}
	for root := dir; root != filepath.Dir(root); root = filepath.Dir(root) {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			rel, _ := filepath.Rel(root, dir) // both are absolute
			return filepath.ToSlash(rel)
		}
	}
	return "..."
}
