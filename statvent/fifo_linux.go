package statvent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

const oPath = 0x200000 // O_PATH, which package syscall does not define

// fifo is a named pipe. stage creates it under a hidden name, and publish later renames it. handle
// is a descriptor of the FIFO that stays valid after the renaming. The descriptor counts neither as
// a reader nor as a writer.
type fifo struct {
	handle *os.File
	waker  *os.File // reader that the method wake has opened, or nil
	woken  bool
}

// stage creates the FIFO under its hidden name. publish later moves it to path.
func stage(path string) (*fifo, error) {
	hidden := stagedName(path)
	err := syscall.Mkfifo(hidden, 0o644)
	if errors.Is(err, syscall.EEXIST) { // an earlier process with this pid was killed before it could remove this FIFO
		if err := unstage(path); err != nil {
			return nil, err
		}
		err = syscall.Mkfifo(hidden, 0o644)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "mkfifo", Path: hidden, Err: err}
	}
	handle, err := os.OpenFile(hidden, oPath|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, errors.Join(err, unstage(path))
	}
	f := &fifo{handle: handle}
	if err := os.Chmod(f.self(), 0o644); err != nil { // sets the mode, whatever the umask is; fails if /proc is not mounted
		return nil, errors.Join(err, f.close(), unstage(path))
	}
	return f, nil
}

// publish moves the staged FIFO to path. The move is atomic, so there is always a FIFO at path.
func publish(path string) error { return os.Rename(stagedName(path), path) }

// unstage removes the staged FIFO, if there is one.
func unstage(path string) error {
	if err := os.Remove(stagedName(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func stagedName(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path))
}

// makeDir creates the directory that all users of the host share. It does nothing if the directory exists.
func makeDir(dir string) error {
	err := os.Mkdir(dir, 0o777)
	if err == nil {
		return os.Chmod(dir, 0o777|fs.ModeSticky)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// checkPlace returns an error if path names anything except the FIFO of a dead process. The lock
// file (see the type hold) already excludes other Recorders, and this check detects other programs.
func checkPlace(path string) error {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
	if errors.Is(err, syscall.ENOENT) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s cannot be used: %w", path, err)
	}
	defer func() { _ = syscall.Close(fd) }() // nothing was written, so the error is ignored
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return fmt.Errorf("cannot stat %s: %w", path, err)
	}
	if st.Mode&syscall.S_IFMT != syscall.S_IFIFO {
		return fmt.Errorf("%s cannot be used, because it is not a pipe: remove it", path)
	}
	if n, err := syscall.Read(fd, make([]byte, 1)); n != 0 || err != nil {
		return fmt.Errorf("%s has a writer: another recorder of this process, or a process with the same pid in another pid namespace", path)
	}
	return nil
}

// awaitReader blocks a thread until a reader opens the FIFO. It returns the writing end.
func (f *fifo) awaitReader() (*os.File, error) { return os.OpenFile(f.self(), os.O_WRONLY, 0) }

// release wakes readers that opened the FIFO too late, after the writer had closed it. Without release, they
// would wait forever for another writer.
func (f *fifo) release() {
	if writer, err := os.OpenFile(f.self(), os.O_RDWR|syscall.O_NONBLOCK, 0); err == nil {
		_ = writer.Close() // nothing was written, so the error is ignored
	}
}

// wake opens the FIFO as a reader. A running call of the method awaitReader then returns, and later
// calls return immediately until unwake is called.
func (f *fifo) wake() (err error) {
	f.waker, err = os.OpenFile(f.self(), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	f.woken = err == nil
	return err
}

// unwake closes the reader that the method wake has opened. It returns false if there is no such
// reader.
func (f *fifo) unwake() bool {
	if f.waker != nil {
		_ = f.waker.Close() // nothing was read, so the error is ignored
		f.waker = nil
	}
	return f.woken
}

func (f *fifo) close() error {
	f.unwake()
	return f.handle.Close()
}

// isAt reports whether path is the name of this FIFO.
func (f *fifo) isAt(path string) bool { return isAt(f.handle, path) }

func (f *fifo) self() string { return fmt.Sprintf("/proc/self/fd/%d", f.handle.Fd()) }
