// Package soak is for tests that take a moment in an ordinary run, and their full
// size in make soak, which sets $SOAK. What a test measured it reports as a row of
// the table that the README's section on reliability shows:
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

// On reports whether full sizes are asked for, and exact bounds.
func On() bool { return os.Getenv("SOAK") != "" }

// Pick returns short, or full when that is asked for.
func Pick[T any](short, full T) T {
	if On() {
		return full
	}
	return short
}

// Duration returns short, or how long $SOAK says that a test is to go on.
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

// Row logs what a test measured against its bound, and the command that measures
// it again. Sizes that are not the full ones are marked.
func Row(t testing.TB, fault, measured, bound string) {
	t.Helper()
	if !On() {
		fault += " (reduced)"
	}
	name, _, _ := strings.Cut(t.Name(), "/")
	command := fmt.Sprintf("SOAK=%s go test -v -run '^%s$' ./%s", os.Getenv("SOAK"), name, folder())
	t.Logf("row: | %s | %s | %s | `%s` |", fault, measured, bound, command)
}

// folder is where the test is, as seen from the root of the module. Tests run in
// their packages' folders.
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
