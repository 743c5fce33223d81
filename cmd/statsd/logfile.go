package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"sync"

	"golang.org/x/sys/unix"
)

// logFile is the file of --log-file. What a crash of the program prints goes there too.
type logFile struct {
	path string
	mu   sync.Mutex
	file *os.File
}

// reopen goes on in the file that is at the path now, which is a new one once somebody has
// moved the old one away. A pipe that nobody reads is an error: to wait for its reader would hold
// up the end of the daemon.
func (f *logFile) reopen() error {
	file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NOCTTY|unix.O_NONBLOCK, 0o640)
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
