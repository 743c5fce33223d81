// Package safefile opens the daemon's files safely. Another user can place a file or link at the path of a daemon's file
// to make the daemon read or change a file of that user's choice. Package safefile refuses such files.
//
// Opening never blocks: a FIFO, a device or a socket is an error, except for a log. Symbolic links are not followed for
// the daemon's own files (Open, Replace). They are followed for files that the operator provides (Read, Program) and for
// logs (Append).
//
// # Shared directories
//
// A directory is shared if somebody other than root and the daemon's user can create or replace files in it:
//
//   - Every user can write to it, as to /tmp. The sticky bit makes no difference: it prevents that files are replaced,
//     but not that they are created before the daemon starts.
//   - It belongs to another user, who can always make it writable for himself. Root is trusted, because root can change
//     the daemon anyway.
//   - Its group can write to it, as to Debian's /var/log. Two groups are trusted: the group 0 of root, and the private
//     group of the daemon's user. A group is private if it is the group of the process, has the name or the number of the
//     user, and has no other members in /etc/passwd and /etc/group.
//
// In a shared directory, a file or link must belong to root or to the daemon's user. A file must also have only one name
// (no hard links). Files that do not meet these rules may come from another user. There is one exception: if a directory
// belongs to another user, and no further user can write to it, the operator may provide a regular file that only this
// user can write to (Read, Program). A container needs this if it mounts a user's directory. In other directories, only root and the
// daemon's user can have chosen the file, so its owner makes no difference. Kubernetes mounts configuration files in
// directories with mode 1777 or with a group (fsGroup): the files and links in them belong to root.
//
// The rules apply to the last element of the path, to each link in the path, and to the targets of these links. They do
// not apply to other directories in the path, except for the directories of the daemon (Directory, Subdirectory). The path
// is checked before the file is opened, so the daemon cannot protect against a user who replaces a directory in the path
// between these two moments.
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

// CheckHead returns an error if a file of the daemon begins with other text than head: it is then a file of
// another kind, and must not be replaced. The parameter kind is for the error, for example "a state file". A file
// that ends in the head is damaged, but is not of another kind. CheckHead also returns an error if another process
// has locked the file.
func CheckHead(path, kind, head string) error {
	file, err := Open(path, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := CheckFree(file); err != nil {
		return pathError(path, err)
	}
	text, err := io.ReadAll(io.LimitReader(file, int64(len(head))))
	if err != nil {
		return err
	}
	if !HasHead(text, head) {
		return pathError(path, fmt.Errorf("%w: it is not %s, and is left unchanged: name another file, or move it away", ErrUnsafe, kind))
	}
	return nil
}

// HasHead reports whether a text begins with head, or is a part of head.
func HasHead(text []byte, head string) bool {
	n := min(len(text), len(head))
	return string(text[:n]) == head[:n]
}

// Open opens one of the daemon's own files. The flags are the same as for os.OpenFile.
func Open(path string, flags int, mode fs.FileMode) (*os.File, error) {
	return open(path, opening{flags: flags, mode: mode})
}

// Append opens or creates a log file. The log may be a device, for example /dev/stderr, or a FIFO
// that has a reader. A file that another process has locked is refused.
func Append(path string, mode fs.FileMode) (*os.File, error) {
	return open(path, opening{flags: os.O_WRONLY | os.O_APPEND | os.O_CREATE, mode: mode, links: true, streams: true})
}

// Program returns an error if the program at path may come from another user. It follows links. It does not check
// whether this user may run the program.
func Program(path string) error {
	p, err := find(path, true, true)
	switch {
	case err != nil:
		return err
	case p.info == nil:
		return pathError(path, unix.ENOENT)
	}
	if err := (opening{}).checkType(p.info.Mode()); err != nil {
		return pathError(path, err)
	}
	return nil
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
	p, err := find(path, o.links, o.links && !o.streams)
	if err != nil {
		return nil, err
	}
	if p.info != nil {
		if err := o.checkType(p.info.Mode()); err != nil {
			return nil, pathError(path, err)
		}
	}
	flags := o.flags | calm
	if !p.kernel {
		flags |= unix.O_NOFOLLOW
	}
	file, err := os.OpenFile(p.path, flags, o.mode)
	if errors.Is(err, unix.ENXIO) {
		err = fmt.Errorf("the pipe has no reader: %w", unix.ENXIO)
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	if err != nil {
		return nil, pathError(path, err)
	}
	if err := o.checkOpen(file, p); err != nil {
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

func (o opening) checkOpen(file *os.File, p place) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if err := o.checkType(info.Mode()); err != nil {
		return err
	}
	if err = p.check(info); err == nil && o.streams && info.Mode().IsRegular() {
		err = CheckFree(file)
	}
	return err
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
