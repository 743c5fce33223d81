package safefile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// within calls a function with a time limit. The test fails if the function does not return.
func within(t *testing.T, call func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- call() }()
	select {
	case err := <-done:
		return err
	case <-time.After(time.Minute):
		t.Fatal("hangs")
		return nil
	}
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

// TestReplaceLeavesLinks puts links and a FIFO at path.new, the path of Replace's temporary file.
// Replace must not write through them.
func TestReplaceLeavesLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	victim, path := filepath.Join(dir, "victim"), filepath.Join(dir, "state")
	for trap, set := range map[string]func(string) error{
		"symbolic link": func(at string) error { return os.Symlink(victim, at) },
		"hard link":     func(at string) error { return os.Link(victim, at) },
		"fifo":          func(at string) error { return unix.Mkfifo(at, 0o666) },
		"left over":     func(at string) error { return os.WriteFile(at, []byte("old"), 0o600) },
	} {
		if err := errors.Join(os.WriteFile(victim, []byte("keep"), 0o600), set(path+".new")); err != nil {
			t.Fatal(err)
		}
		if err := within(t, func() error { return Replace(path, text("new")) }); err != nil {
			t.Errorf("%s: %v", trap, err)
		}
		for file, want := range map[string]string{victim: "keep", path: "new"} {
			if got, err := os.ReadFile(file); string(got) != want || err != nil {
				t.Errorf("%s: %s holds %q, %v", trap, file, got, err)
			}
		}
	}
}

// TestReplaceFails checks that a failed Replace keeps the old file and leaves no temporary file.
func TestReplaceFails(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	failed := errors.New("no")
	if err := Replace(path, text("old")); err != nil {
		t.Fatal(err)
	}
	if err := Replace(path, func(io.Writer) error { return failed }); !errors.Is(err, failed) {
		t.Error(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "old" {
		t.Errorf("holds %q", got)
	}
	if _, err := os.Lstat(path + ".new"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// TestLock checks that an InUseError names the process that has the lock. After this process has
// exited, the file can be locked.
func TestLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	if err := os.WriteFile(path, []byte("4194305\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	first, err := Holding(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Holding(path)
	if want := (&InUseError{os.Getpid()}); err == nil || err.Error() != want.Error() {
		t.Errorf("%v, want %v", err, want)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Holding(path)
	if err != nil {
		t.Fatal(err)
	}
	_ = again.Close()
}

// TestForeignLock checks that Holding does not change a file that is not a lock file.
func TestForeignLock(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"notes of an operator\n", "{\"lockfileVersion\": 3}\n", "1234 and more\n", "-5\n", " ", "\n\n", "\x00\x00\x00\x00",
		strings.Repeat("\n", 40) + "text", "99999999999999999999\n",
	} {
		path := filepath.Join(t.TempDir(), "state.lock")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		lock, err := Holding(path)
		if !errors.Is(err, ErrUnsafe) || !strings.Contains(err.Error(), path) || lock != nil {
			t.Errorf("%q: got %v", text, err)
		}
		if now, err := os.ReadFile(path); err != nil || string(now) != text {
			t.Errorf("%q became %q: %v", text, now, err)
		}
	}
}

// TestShared checks that files of other users are refused in directories that every user can write
// to, and accepted in other directories.
func TestShared(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	for _, mode := range []os.FileMode{0o755, 0o777, 0o777 | os.ModeSticky} {
		dir := t.TempDir()
		path := filepath.Join(dir, "file")
		err := errors.Join(os.WriteFile(path, nil, 0o666), os.Chown(path, 65534, 65534), os.Chmod(dir, mode))
		if err != nil {
			t.Fatal(err)
		}
		for name, open := range map[string]func() (*os.File, error){
			"Read":   func() (*os.File, error) { return Read(path) },
			"Open":   func() (*os.File, error) { return Open(path, os.O_RDWR|os.O_CREATE, 0o600) },
			"Append": func() (*os.File, error) { return Append(path, 0o600) },
		} {
			file, err := open()
			if err == nil {
				_ = file.Close()
			}
			if refused := errors.Is(err, ErrUnsafe); refused != (mode != 0o755) {
				t.Errorf("%s in a directory of mode %v: %v", name, mode, err)
			}
		}
		if err := Directory(filepath.Join(dir, "own")); err != nil {
			t.Error(err)
		}
	}
}

func TestReadFileIsBounded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, fmt.Appendf(nil, "%10d", 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadFile(path, 10); len(got) != 10 || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := ReadFile(path, 9); !errors.Is(err, ErrUnsafe) {
		t.Error(err)
	}
}
