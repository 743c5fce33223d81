// Package safefile opens the daemon's files safely. Another user can place a file or link at the path of a daemon's file
// to make the daemon read or change a file of that user's choice. Package safefile refuses such files.
//
// Opening never blocks: a FIFO, a device or a socket is an error, except for a log. Symbolic links are not followed for
// the daemon's own files (Open, Replace). They are followed for files that the operator provides (Read) and for logs
// (Append).
//
// In a directory that other users can write to, such as /tmp, a file or link must belong to the daemon's user or to the
// owner of the directory. A file must also have only one name (no hard links). Files that do not meet these rules may
// come from another user. The rules apply to the last element of the path: symbolic links to directories before it are
// always followed.
package safefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// ErrUnsafe is wrapped by errors about files with an unsafe type or owner. Only an operator can
// resolve such an error.
var ErrUnsafe = errors.New("refused")

// calm is a set of flags for open(2). With these flags, opening does not block, and a terminal does not become the
// controlling terminal.
const calm = unix.O_NONBLOCK | unix.O_NOCTTY

// Read opens a file that the operator provides. It follows symbolic links, because Kubernetes
// mounts configuration files as links.
func Read(path string) (*os.File, error) {
	return open(path, opening{flags: os.O_RDONLY, links: true})
}

// ReadFile returns the content of a file that the operator provides, up to the number of bytes in
// the parameter limit.
func ReadFile(path string, limit int64) ([]byte, error) {
	file, err := Read(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readAll(file, path, limit)
}

func readAll(file *os.File, path string, limit int64) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = pathError(path, fmt.Errorf("%w: it has more than %d bytes", ErrUnsafe, limit))
	}
	return content, err
}

// Open opens one of the daemon's own files. The flags are the same as for os.OpenFile.
func Open(path string, flags int, mode fs.FileMode) (*os.File, error) {
	return open(path, opening{flags: flags, mode: mode})
}

// Append opens or creates a log file. The log may be a device, for example /dev/stderr, or a FIFO
// that has a reader.
func Append(path string, mode fs.FileMode) (*os.File, error) {
	return open(path, opening{flags: os.O_WRONLY | os.O_APPEND | os.O_CREATE, mode: mode, links: true, streams: true})
}

// Directory creates one of the daemon's own directories, and its parents. If path is a link to a
// directory, Directory follows the link.
func Directory(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	return checkPlace(path, true)
}

// opening contains the options of the function open.
type opening struct {
	flags   int
	mode    fs.FileMode
	links   bool // follow a link at the end of the path
	streams bool // allow FIFOs and devices too
}

// open checks the type and owner of the file twice. It checks before it opens the file, because
// opening a device can have effects. It checks again after that, because the file may have been
// replaced between the check and the open.
func open(path string, o opening) (*os.File, error) {
	if err := checkPlace(path, o.links); err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	switch {
	case err == nil:
		if err := o.checkType(info.Mode()); err != nil {
			return nil, pathError(path, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	flags := o.flags | calm
	if !o.links {
		flags |= unix.O_NOFOLLOW
	}
	file, err := os.OpenFile(path, flags, o.mode)
	if errors.Is(err, unix.ENXIO) {
		return nil, pathError(path, fmt.Errorf("the pipe has no reader: %w", unix.ENXIO))
	}
	if err != nil {
		return nil, err
	}
	if err := o.checkOpen(file, path); err != nil {
		return nil, errors.Join(pathError(path, err), file.Close())
	}
	return file, nil
}

func (o opening) checkType(mode fs.FileMode) error {
	switch {
	case mode.IsRegular(), o.streams && mode&(fs.ModeNamedPipe|fs.ModeCharDevice) != 0:
		return nil
	case mode.IsDir():
		return unix.EISDIR
	}
	return fmt.Errorf("%w: it is %s, not a regular file", ErrUnsafe, typeName(mode))
}

func (o opening) checkOpen(file *os.File, path string) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if err := o.checkType(info.Mode()); err != nil {
		return err
	}
	shared, err := sharedDirectory(path)
	if err != nil || shared == nil || !info.Mode().IsRegular() {
		return err
	}
	return shared.check(info)
}

func typeName(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "of an unknown type"
}

func pathError(path string, err error) error { return &fs.PathError{Op: "open", Path: path, Err: err} }
