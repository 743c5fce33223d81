package pidfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func create(t *testing.T, path string) *File {
	t.Helper()
	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "statsd.pid")
	// Each text is the content of a pidfile that a dead process left, or that belongs to a process
	// that does not lock its pidfile.
	for _, old := range []string{"", "4194304\n", "1", "  7 \n"} {
		if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
			t.Fatal(err)
		}
		f := create(t, path)
		if got, want := content(t, path), fmt.Sprintln(os.Getpid()); got != want {
			t.Errorf("over %q: holds %q, want %q", old, got, want)
		}
		if _, err := Create(path); err == nil || err.Error() != fmt.Sprintf("%s: process %d has locked the file", path, os.Getpid()) {
			t.Errorf("a second one: %v", err)
		}
		if got, want := content(t, path), fmt.Sprintln(os.Getpid()); got != want {
			t.Errorf("after a second one: holds %q, want %q", got, want)
		}
		if err := f.Remove(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("after Remove: %v", err)
		}
	}
}

func TestCreateFails(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, []byte("root:x:0:0:root:/root:/bin/bash\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		other:                        "the file contains something other than a process id, and is left unchanged",
		"/dev/null":                  "refused: it is a device, not a regular file",
		dir:                          "is a directory",
		filepath.Join(dir, "no/pid"): "no such file or directory",
	} {
		if _, err := Create(path); err == nil || err.Error() != path+": "+want {
			t.Errorf("%v, want %s: %s", err, path, want)
		}
	}
	if !strings.HasPrefix(content(t, other), "root:") {
		t.Error("a file that is no pidfile was overwritten")
	}
}

// TestLockIsNotInherited checks that a child process does not inherit the lock.
func TestLockIsNotInherited(t *testing.T) {
	path := filepath.Join(t.TempDir(), "statsd.pid")
	f := create(t, path)
	sleep := exec.Command("sleep", "60")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = sleep.Process.Kill(), sleep.Wait() }()
	if err := f.file.Close(); err != nil { // closing the file releases the lock, as the end of the process does
		t.Fatal(err)
	}
	if err := create(t, path).Remove(); err != nil {
		t.Error(err)
	}
}

// TestOneAtATime starts and ends many processes at the same time. Only one process at a time may
// hold the file.
func TestOneAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "statsd.pid")
	var holders, held atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				f, err := Create(path)
				if err != nil {
					continue
				}
				if holders.Add(1) > 1 {
					t.Error("two have it")
				}
				held.Add(1)
				holders.Add(-1)
				if err := f.Remove(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if held.Load() == 0 {
		t.Error("no process ever had it")
	}
}

// TestStranger checks that another user cannot prevent the start with a lock on the pidfile of a dead daemon.
func TestStranger(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	flock, err := exec.LookPath("flock")
	if err != nil {
		t.Skip(err)
	}
	path := filepath.Join(t.TempDir(), "statsd.pid")
	for dir := filepath.Dir(path); strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, []byte("4194304\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	lock := exec.Command(flock, path, "sh", "-c", "echo locked; exec sleep 60")
	lock.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}, Setpgid: true}
	said, err := lock.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = syscall.Kill(-lock.Process.Pid, syscall.SIGKILL), lock.Wait() }()
	if _, err := said.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	f := create(t, path)
	if _, err := Create(path); err == nil {
		t.Error("two daemons have the pidfile")
	}
	if err := f.Remove(); err != nil {
		t.Error(err)
	}
}
