package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestNamesFromPipe reads names from a named pipe. While the pipe has no writer, a signal must end the command.
func TestNamesFromPipe(t *testing.T) {
	dir := t.TempDir()
	rules, silent, pipe := filepath.Join(dir, "rules.yml"), filepath.Join(dir, "silent"), filepath.Join(dir, "pipe")
	check(t, os.WriteFile(rules, []byte("mappings:\n- match: \"a.*\"\n  action: drop\n"), 0o600))
	check(t, unix.Mkfifo(silent, 0o600))
	check(t, unix.Mkfifo(pipe, 0o600))
	args := func(from string) []string { return []string{"statsd", "--check-rules", rules, "--names-from", from} }

	ctx, signal := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	var out, errs buffer
	go func() { ended <- run(ctx, args(silent), &out, &errs) }()
	signal()
	if code := <-ended; code != exitFailed || !strings.Contains(errs.String(), "--names-from "+silent+": interrupted") {
		t.Errorf("exits %d, says %q", code, errs.String())
	}

	writer, err := os.OpenFile(silent, os.O_RDWR, 0) // lets the reader end too
	check(t, err)
	check(t, writer.Close())
	go func() { _ = os.WriteFile(pipe, []byte("a.b\nb\n"), 0) }()
	var table, faults bytes.Buffer
	if code := run(t.Context(), args(pipe), &table, &faults); code != exitOK || !strings.Contains(table.String(), "2 names, 1 unmatched, 1 dropped, 0 bad") {
		t.Errorf("exits %d: %s%s", code, &table, &faults)
	}
}
