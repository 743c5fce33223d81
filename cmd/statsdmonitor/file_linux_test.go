package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestStrangeFiles gives files that have no end, or that are not files. The command must refuse them at once.
func TestStrangeFiles(t *testing.T) {
	dir := t.TempDir()
	fifo, zero, large := filepath.Join(dir, "fifo"), filepath.Join(dir, "zero"), filepath.Join(dir, "large")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/zero", zero); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 1<<40); err != nil { // a file with holes needs no room
		t.Skip("the file system has no files of 1 TiB")
	}
	for _, flag := range []string{"--token-file", "--ca"} {
		for path, want := range map[string]string{
			fifo:  "open " + fifo + ": refused: it is a named pipe, not a regular file",
			zero:  "open " + zero + ": refused: it is a device, not a regular file",
			dir:   "open " + dir + ": is a directory",
			large: large + ": must have ",
		} {
			_, stderr := invoke(t, exitUsage, "sinks", "--at", "https://127.0.0.1:1", flag, path)
			if !strings.Contains(stderr, flag) || !strings.Contains(stderr, want) {
				t.Errorf("%s %s: says %q, want %q", flag, path, stderr, want)
			}
		}
	}
}
