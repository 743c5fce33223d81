package exec

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/wait"
)

// fifo is the FIFO in the environment variable ALIVE. Test programs open it for writing. Reading from it ends
// when all these programs have exited.
type fifo struct {
	f *os.File
}

func newFIFO(t *testing.T) fifo {
	t.Helper()
	path := filepath.Join(t.TempDir(), "alive")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ALIVE", path)
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := f.SetReadDeadline(time.Now().Add(wait.Patience)); err != nil {
		t.Fatal(err)
	}
	return fifo{f}
}

// waitUp waits for the message that all processes have opened the FIFO.
func (a fifo) waitUp(t *testing.T) {
	t.Helper()
	word := make([]byte, 3)
	for {
		n, err := io.ReadFull(a.f, word)
		if n == len(word) {
			return
		}
		if err != io.EOF {
			t.Fatalf("the program did not start: %v", err)
		}
		time.Sleep(time.Millisecond) // the FIFO is not open yet
	}
}

// waitEnd waits until the last process has exited.
func (a fifo) waitEnd(t *testing.T) {
	t.Helper()
	if _, err := io.ReadAll(a.f); err != nil {
		t.Fatalf("a process is still running: %v", err)
	}
}
