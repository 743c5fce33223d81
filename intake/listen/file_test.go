package listen

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// at returns the configuration of one unix socket.
func at(scheme Scheme, path string) []Listener {
	return []Listener{{URL: string(scheme) + "://" + path, Name: "a", Scheme: scheme, Address: path, File: File{Mode: 0o660}}}
}

// bound opens one unix socket.
func bound(t *testing.T, scheme Scheme, path string) *Bound {
	t.Helper()
	all, err := Open(at(scheme, path), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = all[0].Close() })
	return all[0]
}

var local = []Scheme{Unixgram, Unix}

// reaches reports whether a client can connect to the socket.
func reaches(scheme Scheme, path string) bool {
	conn, err := net.Dial(string(scheme), path)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

// names returns the names of the files in a directory.
func names(t *testing.T, directory string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestSocketFile(t *testing.T) {
	t.Parallel()
	for _, scheme := range local {
		directory := t.TempDir()
		path := filepath.Join(directory, "s")
		b := bound(t, scheme, path)
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != fs.ModeSocket|0o660 {
			t.Errorf("%s: mode %v", scheme, info.Mode())
		}
		if b.Addr().String() != path || !reaches(scheme, path) {
			t.Errorf("%s: bound at %v, a client reaches it: %v", scheme, b.Addr(), reaches(scheme, path))
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if left := names(t, directory); len(left) != 1 || left[0] != "s.lock" {
			t.Errorf("%s: after the end there are %q", scheme, left)
		}
	}
}

// A socket file on which no process listens is replaced, even by a socket of another type.
func TestStaleSocketIsReplaced(t *testing.T) {
	t.Parallel()
	for _, scheme := range local {
		for _, before := range local {
			path := filepath.Join(t.TempDir(), "s")
			stale(t, before, path)
			b := bound(t, scheme, path)
			if !reaches(scheme, path) {
				t.Errorf("%s after %s: no client reaches it", scheme, before)
			}
			_ = b.Close()
		}
	}
}

// stale makes a socket file on which no process listens.
func stale(t *testing.T, scheme Scheme, path string) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_UNIX, map[Scheme]int{Unixgram: syscall.SOCK_DGRAM, Unix: syscall.SOCK_STREAM}[scheme], 0)
	if err == nil {
		err = errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}), syscall.Close(fd))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A socket file on which a process listens is in use, even if the process is not a statsd daemon.
// It is not changed.
func TestSocketInUse(t *testing.T) {
	t.Parallel()
	for _, scheme := range local {
		for _, holder := range local {
			path := filepath.Join(t.TempDir(), "s")
			var other interface{ Close() error }
			var err error
			if holder == Unixgram {
				other, err = net.ListenPacket("unixgram", path)
			} else {
				other, err = net.Listen("unix", path)
			}
			if err != nil {
				t.Fatal(err)
			}
			_, err = Open(at(scheme, path), nil)
			if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "--listen "+string(scheme)+"://"+path+": ") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s, held by %s: %v", scheme, holder, err)
			}
			if !reaches(holder, path) {
				t.Errorf("%s: the other program's socket is gone", holder)
			}
			_ = other.Close()
		}
	}
}

// If two daemons want the same path, the second daemon cannot open it. Its error contains the
// process id of the first daemon. After the first daemon has called Leave, the second daemon can
// open the path. Clients can connect at every moment, and the first daemon does not remove the
// socket file of the second daemon.
func TestSuccessor(t *testing.T) {
	t.Parallel()
	for _, scheme := range local {
		path := filepath.Join(t.TempDir(), "s")
		first := bound(t, scheme, path)
		if _, err := Open(at(scheme, path), nil); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), fmt.Sprintf("process %d has locked the file", os.Getpid())) {
			t.Errorf("%s: %v", scheme, err)
		}
		first.Leave()
		second := bound(t, scheme, path)
		if err := first.Close(); err != nil {
			t.Error(err)
		}
		if !reaches(scheme, path) || second.Lost() {
			t.Errorf("%s: the first has removed the file of the second", scheme)
		}
		if err := second.Close(); err != nil || reaches(scheme, path) {
			t.Errorf("%s: after the end: %v", scheme, err)
		}
	}
}

// A file that is not a socket is not changed.
func TestOtherFilesStay(t *testing.T) {
	t.Parallel()
	for kind, make := range map[string]func(string) error{
		"file":          func(path string) error { return os.WriteFile(path, []byte("mine"), 0o600) },
		"directory":     func(path string) error { return os.Mkdir(path, 0o700) },
		"symbolic link": func(path string) error { return os.Symlink("/nowhere", path) },
		"pipe":          func(path string) error { return syscall.Mkfifo(path, 0o600) },
	} {
		path := filepath.Join(t.TempDir(), "s")
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		before, _ := os.Lstat(path)
		if _, err := Open(at(Unixgram, path), nil); err == nil || !strings.Contains(err.Error(), "there is a "+kind+" already") {
			t.Errorf("%s: %v", kind, err)
		}
		if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
			t.Errorf("the %s is gone", kind)
		}
	}
}

// If another program has replaced the socket file, Close does not remove the new file.
func TestForeignFileStaysAtTheEnd(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	b := bound(t, Unixgram, path)
	if err := errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if !b.Lost() {
		t.Error("the loss is not noticed")
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}

func TestSocketDirectory(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	if _, err := Open(at(Unix, filepath.Join(directory, "none", "s")), nil); err == nil || !strings.Contains(err.Error(), "the directory "+directory+"/none does not exist: make it") {
		t.Errorf("no directory: %v", err)
	}
	if err := os.WriteFile(filepath.Join(directory, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(at(Unix, filepath.Join(directory, "file", "s")), nil); err == nil || !strings.Contains(err.Error(), "is not a directory") {
		t.Errorf("a file for a directory: %v", err)
	}
	if os.Geteuid() == 0 {
		return // root may write to all directories
	}
	if err := os.Chmod(directory, 0o500); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(at(Unix, filepath.Join(directory, "s")), nil); err == nil || !strings.Contains(err.Error(), "is not writable for user") || !strings.Contains(err.Error(), "the directory has mode 0500, owner") {
		t.Errorf("a directory that is not writable: %v", err)
	}
}

// If the owner cannot be set, the daemon does not start, and no file remains.
func TestSocketOwner(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	l := at(Unix, filepath.Join(directory, "s"))
	l[0].Group = "no such group"
	if _, err := Open(l, nil); err == nil || !strings.Contains(err.Error(), "group: ") {
		t.Errorf("error %v", err)
	}
	if left := names(t, directory); len(left) != 1 {
		t.Errorf("there are %q", left)
	}
	if os.Geteuid() != 0 {
		return
	}
	l[0].User, l[0].Group, l[0].Mode = "1234", "4321", 0o620
	all, err := Open(l, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer all[0].Close()
	info, err := os.Lstat(l[0].Address)
	if err != nil {
		t.Fatal(err)
	}
	if got := ownership(info); got != "mode 0620, owner 1234, group 4321" {
		t.Error(got)
	}
}

// An abstract socket has no socket file and no lock file. Binding the same name a second time
// fails.
func TestAbstractSocket(t *testing.T) {
	t.Parallel()
	for _, scheme := range local {
		name := "@statsd-test-" + strings.ReplaceAll(t.TempDir(), "/", "-")[1:20] + string(scheme) + filepath.Base(t.TempDir())
		b := bound(t, scheme, name)
		if !reaches(scheme, name) {
			t.Errorf("%s: no client reaches it", scheme)
		}
		if _, err := Open(at(scheme, name), nil); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("%s: a second one: %v", scheme, err)
		}
		if err := b.Close(); err != nil || reaches(scheme, name) {
			t.Errorf("%s: at the end: %v", scheme, err)
		}
	}
}

// A removed socket file is made again. Lines from clients that are still connected to the old
// socket are read.
func TestRebind(t *testing.T) {
	t.Parallel()
	for _, scheme := range local {
		path := filepath.Join(t.TempDir(), "s")
		b := bound(t, scheme, path)
		old := &Bound{Stream: b.Stream, Packets: b.Packets}
		b.Stream, b.Packets = nil, nil
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if !b.Lost() {
			t.Error("the loss is not noticed")
		}
		if err := b.Rebind(); err != nil {
			t.Fatal(err)
		}
		if b.Lost() || !reaches(scheme, path) {
			t.Errorf("%s: no client reaches it", scheme)
		}
		if err := errors.Join(b.Close(), old.closeSockets()); err != nil {
			t.Error(err)
		}
	}
}
