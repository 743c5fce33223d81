package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"sync"

	"github.com/statsd-ops/statsd/internal/safefile"
)

// logFile is the file of --log-file. The Go runtime also writes the output of a crash to it.
type logFile struct {
	path string
	mu   sync.Mutex
	file *os.File
}

// reopen closes the old file and opens the path again. After logrotate has moved the old file away, this creates
// a new file. A pipe without a reader is an error, because waiting for a reader would delay the shutdown.
func (f *logFile) reopen() error {
	file, err := safefile.Append(f.path, 0o640)
	if err != nil {
		return fmt.Errorf("--log-file: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file != nil {
		f.file.Close()
	}
	f.file = file
	return debug.SetCrashOutput(file, debug.CrashOptions{})
}

func (f *logFile) Write(line []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Write(line)
}
