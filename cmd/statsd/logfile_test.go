package main

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestLogFilePipe checks that the log can be a pipe. If the pipe has no reader, the daemon must not wait for one.
func TestLogFilePipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	log := &logFile{path: path}
	if err := log.reopen(); err == nil || !strings.HasPrefix(err.Error(), "--log-file: ") {
		t.Fatalf("a pipe without a reader: %v", err)
	}
	reader, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := log.reopen(); err != nil {
		t.Fatal(err)
	}
	defer log.file.Close()
	if _, err := log.Write([]byte("line\n")); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(reader).ReadString('\n'); line != "line\n" {
		t.Errorf("read %q, %v", line, err)
	}
}
