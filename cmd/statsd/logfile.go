package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"sync"

	"github.com/statsd-ops/statsd/internal/safefile"
)

// logFile is the file of --log-file. If the program crashes, that goes there too.
type logFile struct {
	path string
	mu   sync.Mutex
	file *os.File
}

// reopen switches to the file that is at the path now: a new one, once logrotate has moved the
// old one away. A pipe without a reader is an error, as waiting for one would hold up the
// end of the daemon.
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
