// Package soak helps tests that are short in an ordinary run and full-size in make soak, which sets
// $SOAK. A test reports its measurement as a row of a table:
//
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

// On reports whether full sizes and exact limits are requested.
func On() bool { return os.Getenv("SOAK") != "" }

// Pick returns full if full sizes are requested, otherwise short.
func Pick[T any](short, full T) T {
	if On() {
		return full
	}
	return short
}

// Duration returns the running time of a test: the one in $SOAK if it is set, otherwise short.
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

// Row logs a measurement, its limit, and the command that repeats it. Reduced sizes are marked.
func Row(t testing.TB, fault, measured, bound string) {
	t.Helper()
	if !On() {
		fault += " (reduced)"
	}
	name, _, _ := strings.Cut(t.Name(), "/")
	command := fmt.Sprintf("SOAK=%s go test -v -run '^%s$' ./%s", os.Getenv("SOAK"), name, folder())
	t.Logf("row: | %s | %s | %s | `%s` |", fault, measured, bound, command)
}

// folder returns the folder of the test relative to the root of the module. Tests run in their
// packages' folders.
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
