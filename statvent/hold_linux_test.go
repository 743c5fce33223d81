package statvent

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/pipetest"
)

// ownName returns the name of a file of this process. It inserts the process id into pattern.
func ownName(pattern string) string { return fmt.Sprintf(pattern, os.Getpid()) }

// TestSecondRecorder checks that a second Recorder for the same pipe is refused, even if it uses
// another path to the same directory.
func TestSecondRecorder(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "pipes")
	rec, err := NewRecorder(new(Registry), dir)
	if err != nil {
		t.Fatal(err)
	}
	link, chain := filepath.Join(parent, "link"), filepath.Join(parent, "chain")
	if err := os.Symlink("pipes", link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(link, chain); err != nil {
		t.Fatal(err)
	}
	t.Chdir(parent)
	paths := []string{dir, link, chain, "pipes", dir + "/../pipes/.", ownName("/proc/%d/cwd/pipes")}
	for range 20 {
		for _, path := range paths {
			if second, err := NewRecorder(new(Registry), path); err == nil || !strings.Contains(err.Error(), "another recorder uses it already") {
				t.Fatalf("a second recorder through %s: %v, %v, want an error", path, second, err)
			}
		}
	}
	if rec.Unserved() != 0 {
		t.Error("a refused recorder counts as a reader of the first")
	}
	if err := rec.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, path := range paths { // after Close, another Recorder can use the pipe
		rec, err := NewRecorder(new(Registry), path)
		if err != nil {
			t.Fatal(err)
		}
		if err := rec.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRecordersAtOnce starts several recorders at the same time, and checks that exactly one of them succeeds.
func TestRecordersAtOnce(t *testing.T) {
	dir := t.TempDir()
	for range 20 {
		recorders := make(chan *Recorder, 16)
		for range cap(recorders) {
			go func() {
				rec, _ := NewRecorder(new(Registry), dir)
				recorders <- rec
			}()
		}
		var won []*Recorder
		for range cap(recorders) {
			if rec := <-recorders; rec != nil {
				won = append(won, rec)
			}
		}
		if len(won) != 1 {
			t.Fatalf("%d recorders have the place, want 1", len(won))
		}
		if err := won[0].Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAnotherPidNamespace starts two processes that both have the process id 1, as in containers.
func TestAnotherPidNamespace(t *testing.T) {
	unshare := counterpart.Find(t, "unshare")
	args := []string{"--pid", "--fork", "--kill-child"}
	if os.Getuid() != 0 {
		args = append(args, "--user", "--map-root-user")
	}
	if out, err := exec.Command(unshare, append(args, "true")...).CombinedOutput(); err != nil {
		t.Skipf("no pid namespace can be made: %v: %s", err, out)
	}
	program, dir := pipetest.Program(t), t.TempDir()
	start := func() (first string, stop func()) {
		t.Helper()
		var stderr bytes.Buffer
		cmd := exec.Command(unshare, append(args, program, "recorder", dir, "1")...)
		cmd.Stderr = &stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, _ := bufio.NewReader(out).ReadString('\n')
		stop = func() { _ = in.Close(); _ = cmd.Wait() }
		if line == "" {
			stop()
			return stderr.String(), func() {}
		}
		return line, stop
	}
	said, stop := start()
	if said != "ready\n" {
		t.Fatalf("the first process says %q", said)
	}
	for range 5 {
		if said, stopSecond := start(); !strings.Contains(said, "another recorder uses it already") {
			stopSecond()
			t.Errorf("the second process with pid 1 says %q", said)
		}
	}
	stop() // stops the process without closing its recorder
	said, stop = start()
	if said != "ready\n" {
		t.Errorf("after the first process has ended, a process with pid 1 says %q", said)
	}
	stop()
}

// TestHoldInTheWay checks that NewRecorder does not change a file of another kind that has the name of its lock
// file.
func TestHoldInTheWay(t *testing.T) {
	dir := t.TempDir()
	lock := filepath.Join(dir, ownName(".%d.lock"))
	elsewhere := filepath.Join(dir, "elsewhere")
	for name, place := range map[string]func() error{
		"a directory":        func() error { return os.Mkdir(lock, 0o700) },
		"a link":             func() error { return os.Symlink(elsewhere, lock) },
		"a link to a device": func() error { return os.Symlink("/dev/null", lock) },
		"a text":             func() error { return os.WriteFile(lock, []byte("notes"), 0o600) },
		"a FIFO":             func() error { return syscall.Mkfifo(lock, 0o600) },
	} {
		if err := place(); err != nil {
			t.Fatal(err)
		}
		rec, err := NewRecorder(new(Registry), dir)
		if err == nil || !strings.Contains(err.Error(), lock+" cannot be used") {
			t.Errorf("%s: %v, %v, want an error that names it", name, rec, err)
		}
		if err := os.Remove(lock); err != nil {
			t.Error(err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// TestLostHold checks that the lock file is created again if another program has removed it.
func TestLostHold(t *testing.T) {
	rec := record(t, new(Registry), 2*time.Millisecond)
	lock := filepath.Join(filepath.Dir(rec.Path()), ownName(".%d.lock"))
	if info, err := os.Lstat(lock); err != nil || info.Mode() != 0o600 {
		t.Fatalf("the lock: %v, %v, want mode 0600: others must not lock it", info, err)
	}
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the lock is back", func() bool { _, err := os.Lstat(lock); return err == nil })
	eventually(t, "a second recorder is refused", func() bool {
		second, err := NewRecorder(new(Registry), filepath.Dir(rec.Path()))
		if err == nil {
			_ = second.Close(context.Background())
		}
		return err != nil
	})
	if err := rec.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(lock); !os.IsNotExist(err) {
		t.Errorf("Close left the lock: %v", err)
	}
	if _, err := os.Lstat(rec.Path()); !os.IsNotExist(err) {
		t.Errorf("Close left the pipe: %v", err)
	}
}
