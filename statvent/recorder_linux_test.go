package statvent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
)

func record(t *testing.T, r *Registry, every time.Duration) *Recorder {
	t.Helper()
	rec, err := newRecorder(r, filepath.Join(t.TempDir(), "pipes"), every)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rec.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return rec
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(wait.Patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after 20 s still not: %s", what)
		}
	}
}

func TestCatIsAReader(t *testing.T) {
	cat := counterpart.Find(t, "cat")
	var r Registry
	rec := record(t, &r, checkEvery)
	r.Incr("a", 1)
	r.SetFloat("My Nice Stat", 123.45)
	for i := 1; i < 4; i++ {
		got, err := exec.Command(cat, rec.Path()).CombinedOutput()
		if want := fmt.Sprintf("My Nice Stat: 123.45\na: %d\n", i); err != nil || string(got) != want {
			t.Fatalf("cat printed %q, %v, want %q", got, err, want)
		}
		r.Incr("a", 1)
	}
}

func TestModes(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	rec := record(t, new(Registry), checkEvery)
	for path, want := range map[string]fs.FileMode{
		filepath.Dir(rec.Path()): fs.ModeDir | fs.ModeSticky | 0o777,
		rec.Path():               fs.ModeNamedPipe | 0o644,
	} {
		if info, err := os.Lstat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
}

func TestReaderLeavesEarly(t *testing.T) {
	var r Registry
	name := strings.Repeat("x", MaxName-10)
	for i := range 300 { // 1.2 MB, more than fits into a pipe
		r.Incr(fmt.Sprintf("%s%03d", name, i), 1)
	}
	rec := record(t, &r, checkEvery)
	for range 3 {
		f, err := os.Open(rec.Path())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Read(make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "3 unserved readers", func() bool { return rec.Unserved() == 3 })
	if got := strings.Count(read(t, rec.Path()), ": 1\n"); got != 300 {
		t.Errorf("the next reader got %d of 300 lines", got)
	}
}

func TestTakesThePlaceOfADeadProcess(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, fmt.Sprintf("%d.stats", os.Getpid()))
	staged := filepath.Join(dir, fmt.Sprintf(".%d.stats", os.Getpid()))
	for _, p := range []string{path, staged} {
		if err := syscall.Mkfifo(p, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, ownName(".%d.lock")), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var r Registry
	r.Incr("a", 1)
	rec, err := NewRecorder(&r, dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, rec.Path()); got != "a: 1\n" {
		t.Errorf("read %q", got)
	}
	for range 2 {
		if err := rec.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("Close left %v, %v", left, err)
	}
}

func TestPipeInTheWay(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, fmt.Sprintf("%d.stats", os.Getpid()))
	place := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if rec, err := NewRecorder(nil, dir); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("NewRecorder = %v, %v, want an error that names the file", rec, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal("NewRecorder removed the file: ", err)
		}
	}
	place(os.WriteFile(path, []byte("precious"), 0o600))
	place(os.Mkdir(path, 0o700))
	place(os.Symlink("/dev/null", path))
	if _, err := NewRecorder(nil, filepath.Join(dir, "no", "such")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that cannot be made: %v", err)
	}
}

func TestRestoresALostPipe(t *testing.T) {
	var r Registry
	r.Incr("a", 1)
	rec := record(t, &r, 2*time.Millisecond)
	for _, lose := range []func() error{
		func() error { return os.Remove(rec.Path()) },
		func() error { return os.RemoveAll(filepath.Dir(rec.Path())) },
	} {
		if err := lose(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the pipe is back", func() bool { _, err := os.Lstat(rec.Path()); return err == nil })
		if got := read(t, rec.Path()); got != "a: 1\n" {
			t.Errorf("read %q", got)
		}
	}
}

func TestCloseRemovesOnlyItsOwn(t *testing.T) {
	rec := record(t, new(Registry), checkEvery)
	if err := os.Remove(rec.Path()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(rec.Path(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := rec.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(rec.Path()); err != nil {
		t.Error("the file of somebody else was removed")
	}
}

// TestReleasesLateReaders checks a reader that found the pipe under its name, but opens it after the writer has
// closed it. The reader must not wait forever.
func TestReleasesLateReaders(t *testing.T) {
	path := filepath.Join(t.TempDir(), "1.stats")
	f, err := stage(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := publish(path); err != nil {
		t.Fatal(err)
	}
	read := make(chan string)
	go func() {
		text, err := os.ReadFile(path)
		read <- fmt.Sprintf("%q %v", text, err)
	}()
	eventually(t, "the reader is released", func() bool {
		f.release()
		select {
		case got := <-read:
			return got == `"" <nil>`
		default:
			return false
		}
	})
	if err := f.close(); err != nil {
		t.Error(err)
	}
}

// TestLargeSnapshotAtOnce checks that a snapshot larger than the usual capacity of a pipe is written at once. A
// slow reader must get the whole snapshot.
func TestLargeSnapshotAtOnce(t *testing.T) {
	const fionread = 0x541b
	var r Registry
	for i := range 100 {
		r.Incr(fmt.Sprintf("%03d %s", i, strings.Repeat("x", 4000)), 1)
	}
	rec := record(t, &r, checkEvery)
	f, err := os.Open(rec.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want, _ := r.AppendText(nil)
	eventually(t, "all of it is in the pipe", func() bool {
		var waiting int32
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), fionread, uintptr(unsafe.Pointer(&waiting)))
		return errno == 0 && int(waiting) == len(want)
	})
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d of %d bytes, %v", len(got), len(want), err)
	}
}
