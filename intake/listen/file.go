package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/statsd-ops/statsd/internal/safefile"
)

// file is the socket file of a unix socket that this process has bound.
type file struct {
	path string
	lock *os.File // nil after a call of leave
	id   identity
}

// identity identifies one version of a file at a path. Inode numbers alone are not enough, because
// the system reuses them.
type identity struct{ device, inode, changed uint64 }

func (i identity) String() string { return fmt.Sprintf("%d %d %d", i.device, i.inode, i.changed) }

// bindUnix binds a unix socket. The socket file gets its final name only when clients can connect.
func (b *Bound) bindUnix() error {
	if b.Abstract() {
		return inUse(b.bindAt(b.Address))
	}
	f, err := claim(b.Address)
	if err != nil {
		return err
	}
	err = f.replace(b)
	if err != nil {
		_ = b.closeSockets()
		f.leave()
		return err
	}
	b.file = f
	return nil
}

// bindAt binds a unix socket at a path.
func (b *Bound) bindAt(path string) error {
	closed := func(fd uintptr) error { closeMode(fd); return nil }
	if b.Scheme == Unixgram {
		p, err := packet("unixgram", path, closed)
		if err == nil {
			b.Packets = append(b.Packets, p)
		}
		return err
	}
	config := net.ListenConfig{Control: control(closed)}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // the function replace renames the file, so the listener knows a wrong path; the method remove removes the file
	b.Stream = l.(Stream)
	return nil
}

// claim locks a path, and returns an error if the path is in use. The path is free if there is no
// file, or only a socket that no other process uses.
func claim(path string) (*file, error) {
	if err := checkDirectory(filepath.Dir(path)); err != nil {
		return nil, err
	}
	noted, _ := safefile.ReadFile(path+".lock", 4*noteAt) // read the old content before this process replaces it
	lock, err := safefile.Holding(path + ".lock")
	if taken, ok := errors.AsType[*safefile.InUseError](err); ok {
		return nil, fmt.Errorf("%w: %w", syscall.EADDRINUSE, taken)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot lock the path: %w", err)
	}
	f := &file{path: path, lock: lock}
	if err := f.checkPlace(noted); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return f, nil
}

// checkDirectory returns an error if this process cannot make a socket in a directory.
func checkDirectory(directory string) error {
	info, err := os.Stat(directory)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the directory %s does not exist: make it, writable for the user of the daemon (systemd: RuntimeDirectory=)", directory)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", directory)
	case writable(directory):
		return nil
	}
	return fmt.Errorf("the directory %s is not writable for user %d: the directory has %s", directory, os.Geteuid(), ownership(info))
}

// checkPlace returns an error if the path is in use. noted is the old content of the lock file.
func (f *file) checkPlace(noted []byte) error {
	info, err := os.Lstat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("there is a %s already, which is not a socket: move it away, or choose another path", typeName(info.Mode()))
	case left(info, noted):
		return nil
	}
	return inUse(probe(f.path))
}

// left reports whether an earlier daemon made the socket file and has released the path.
func left(info fs.FileInfo, noted []byte) bool {
	return len(noted) > noteAt && strings.TrimSpace(string(noted[noteAt:])) == identityOf(info).String()
}

// noteAt is the offset of the socket file's identity in the lock file. The process id comes before it.
const noteAt = 32

// probe returns EADDRINUSE if a process listens on the socket at a path.
func probe(path string) error {
	for _, network := range []string{"unixgram", "unix"} {
		conn, err := net.Dial(network, path)
		if err == nil {
			return errors.Join(syscall.EADDRINUSE, conn.Close())
		}
		// EAGAIN means that a process listens but its queue is full. A permission error does not show whether a process
		// listens.
		if !errors.Is(err, syscall.EPROTOTYPE) && !errors.Is(err, syscall.ECONNREFUSED) {
			return err
		}
	}
	return nil
}

// inUse replaces an error of the functions probe or bind by a short message.
func inUse(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w: another process listens on it", syscall.EADDRINUSE)
	case errors.Is(err, syscall.EAGAIN):
		return fmt.Errorf("%w: another process listens on it, but does not read from it", syscall.EADDRINUSE)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	return err
}

// replace binds the socket under a temporary name, and then renames it to the final path.
func (f *file) replace(b *Bound) error {
	fresh := f.path + ".new"
	if info, err := os.Lstat(fresh); err == nil && info.Mode().Type() == fs.ModeSocket {
		if err := inUse(probe(fresh)); err != nil {
			return fmt.Errorf("%s: %w", fresh, err)
		}
		_ = os.Remove(fresh) // the file remains from a daemon that ended before the rename
	}
	if err := b.bindAt(fresh); err != nil {
		return inUse(err)
	}
	err := b.File.apply(fresh)
	if err == nil {
		err = os.Rename(fresh, f.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	info, err := os.Lstat(f.path)
	if err != nil {
		return err
	}
	f.id = identityOf(info)
	f.note(f.id.String())
	return nil
}

// note writes text, the identity of the socket file, after the process id in the lock file. After this process has
// unlocked the lock file, the next daemon compares the identity with the socket file. If they are equal, it can take
// the path: see the function left. Without the identity, it cannot take the path until this process ends.
func (f *file) note(text string) {
	_, _ = f.lock.WriteAt(fmt.Appendf(nil, "%-*d\n%s\n", noteAt-1, os.Getpid(), text), 0)
}

// leave releases the path, so that another daemon can bind it.
func (f *file) leave() {
	if f.lock != nil {
		_ = f.lock.Close()
		f.lock = nil
	}
}

// here reports whether the file at the path is the socket file of this process.
func (f *file) here() bool {
	info, err := os.Lstat(f.path)
	return err == nil && info.Mode().Type() == fs.ModeSocket && identityOf(info) == f.id
}

// remove removes the socket file, unless another daemon has taken the path.
func (f *file) remove() error {
	defer f.leave()
	if f.lock == nil {
		lock, err := safefile.Holding(f.path + ".lock")
		if err != nil {
			return nil // another daemon has taken the path
		}
		f.lock = lock
	}
	if !f.here() {
		return nil
	}
	return os.Remove(f.path)
}

// apply sets the mode and the owner of a socket file.
func (o *File) apply(path string) error {
	uid, gid := -1, -1
	var err error
	if o.User != "" {
		if uid, err = UserID(o.User); err != nil {
			return fmt.Errorf("user: %w", err)
		}
	}
	if o.Group != "" {
		if gid, err = GroupID(o.Group); err != nil {
			return fmt.Errorf("group: %w", err)
		}
	}
	if uid >= 0 || gid >= 0 {
		if err := os.Lchown(path, uid, gid); err != nil {
			return fmt.Errorf("set the owner of the socket to %s: %w (only root can set the user; without root, the daemon can only set one of its own groups)", strings.Trim(o.User+":"+o.Group, ":"), plain(err))
		}
	}
	return os.Chmod(path, o.Mode)
}

func plain(err error) error {
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		return at.Err
	}
	return err
}

// UserID returns the id of the user with this name.
func UserID(name string) (int, error) {
	if n, err := strconv.ParseUint(name, 10, 31); err == nil {
		return int(n), nil
	}
	u, err := user.Lookup(name)
	if _, unknown := errors.AsType[user.UnknownUserError](err); unknown {
		return 0, fmt.Errorf("unknown user %q", name)
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(u.Uid)
}

// GroupID returns the id of the group with this name.
func GroupID(name string) (int, error) {
	if n, err := strconv.ParseUint(name, 10, 31); err == nil {
		return int(n), nil
	}
	g, err := user.LookupGroup(name)
	if _, unknown := errors.AsType[user.UnknownGroupError](err); unknown {
		return 0, fmt.Errorf("unknown group %q", name)
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(g.Gid)
}

func typeName(mode fs.FileMode) string {
	switch mode.Type() {
	case 0:
		return "file"
	case fs.ModeDir:
		return "directory"
	case fs.ModeSymlink:
		return "symbolic link"
	case fs.ModeNamedPipe:
		return "pipe"
	}
	return "device"
}
