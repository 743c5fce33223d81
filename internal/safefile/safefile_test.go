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
		if err := within(t, func() error { return Replace(path, "", text("new")) }); err != nil {
			t.Errorf("%s: %v", trap, err)
		}
		for file, want := range map[string]string{victim: "keep", path: "new"} {
			if got, err := os.ReadFile(file); string(got) != want || err != nil {
				t.Errorf("%s: %s holds %q, %v", trap, file, got, err)
			}
		}
	}
}

// TestReplaceLeavesOtherFiles puts a file that is not a temporary file at path.new.
func TestReplaceLeavesOtherFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	for content, refused := range map[string]bool{"": false, "sta": false, "state 1\nhalf": false, "port = 8125\n": true} {
		if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		err := Replace(path, "state ", text("state 2\n"))
		if left, _ := os.ReadFile(path + ".new"); refused != errors.Is(err, ErrUnsafe) || refused != (err != nil) || refused && string(left) != content {
			t.Errorf("with %q: %v; left %q", content, err, left)
		}
	}
}

// TestReplaceFails checks that a failed Replace keeps the old file and leaves no temporary file.
func TestReplaceFails(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	failed := errors.New("no")
	if err := Replace(path, "", text("old")); err != nil {
		t.Fatal(err)
	}
	if err := Replace(path, "", func(io.Writer) error { return failed }); !errors.Is(err, failed) {
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

const other = 65534 // a user and a group

// sharedCases are modes and owners of directories. The user of the test is root.
var sharedCases = []struct {
	mode     uint32
	uid, gid int
	shared   bool
	alone    bool // only one other user can write to the directory
}{
	{0o755, 0, 0, false, false},
	{0o755, 0, other, false, false},
	{0o2750, 0, other, false, false},
	{0o775, 0, 0, false, false}, // the group of root
	{0o777, 0, 0, true, false},
	{0o1777, 0, 0, true, false},
	{0o2777, 0, other, true, false},
	{0o775, 0, other, true, false},
	{0o2775, 0, other, true, false}, // Debian's /var/log
	{0o2770, 0, other, true, false},
	{0o755, other, 0, true, true},
	{0o500, other, other, true, true},
	{0o1777, other, 0, true, false},
}

// TestShared checks that files, links and hard links of other users are refused in shared
// directories, and accepted in other directories. Files of root are always accepted.
func TestShared(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	for _, c := range sharedCases {
		dir, target := t.TempDir(), filepath.Join(t.TempDir(), "target")
		at := func(name string) string { return filepath.Join(dir, name) }
		for _, err := range []error{
			os.WriteFile(target, nil, 0o600),
			os.WriteFile(at("own"), nil, 0o600), os.WriteFile(at("foreign"), nil, 0o600), os.Chmod(at("foreign"), 0o666), os.Chown(at("foreign"), other, other),
			os.WriteFile(at("owner's"), nil, 0o644), os.Chown(at("owner's"), other, other),
			os.Symlink(target, at("own link")), os.Symlink(target, at("foreign link")), os.Lchown(at("foreign link"), other, other),
			os.Symlink(filepath.Dir(target), at("linked")), os.Lchown(at("linked"), other, other),
			os.Symlink(at("foreign link"), target+" link"),
			os.Link(target, at("hard link")),
			os.Chown(dir, c.uid, c.gid), unix.Chmod(dir, c.mode),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		for name, open := range map[string]func(string) error{
			"Read":    func(path string) error { return closed(Read(path)) },
			"Open":    func(path string) error { return closed(Open(path, os.O_RDWR|os.O_CREATE, 0o600)) },
			"Append":  func(path string) error { return closed(Append(path, 0o600)) },
			"Program": Program,
			"Replace": func(path string) error { return Replace(path, "", text("")) },
		} {
			try := func(path string, refused bool) {
				if err := open(path); refused != errors.Is(err, ErrUnsafe) || !refused && err != nil || refused && strings.Count(err.Error(), path) != 1 {
					t.Errorf("%s of %s in a directory of mode %o, user %d, group %d: %v", name, strings.TrimPrefix(path, dir), c.mode, c.uid, c.gid, err)
				}
			}
			if name != "Program" && name != "Read" {
				try(at("new "+name), false)
			}
			try(at("own"), false)
			try(filepath.Join(at("linked"), "target"), c.shared)
			if name == "Replace" {
				try(at("foreign link"), true)
				continue
			}
			try(at("foreign"), c.shared)
			try(at("owner's"), c.shared && (!c.alone || name == "Open" || name == "Append"))
			try(at("hard link"), c.shared)
			try(at("own link"), name == "Open")
			try(at("foreign link"), c.shared || name == "Open")
			try(target+" link", c.shared || name == "Open")
		}
	}
}

func closed(file *os.File, err error) error {
	if err == nil {
		err = file.Close()
	}
	return err
}

// TestConfigMap reads a file of a ConfigMap, as Kubernetes mounts it.
func TestConfigMap(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	for _, mode := range []uint32{0o1777, 0o3777, 0o2775} {
		dir := t.TempDir()
		at := func(name string) string { return filepath.Join(dir, name) }
		for _, err := range []error{
			os.Mkdir(at("..2026"), 0o755), os.WriteFile(at("..2026/conf"), []byte("text"), 0o440),
			os.Symlink("..2026", at("..data")), os.Symlink("..data/conf", at("conf")),
			os.Chown(dir, 0, other), os.Chown(at("..2026"), 0, other), os.Chown(at("..2026/conf"), 0, other),
			unix.Chmod(at("..2026"), mode), unix.Chmod(dir, mode),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if got, err := ReadFile(at("conf"), 10); string(got) != "text" || err != nil {
			t.Errorf("mode %o: %q, %v", mode, got, err)
		}
	}
}

// TestDirectory checks that directories and links of other users are refused, and nothing is created in them.
func TestDirectory(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	for name, c := range map[string]struct {
		link      string // which directory is a link, or ""
		foreign   string // what belongs to another user, or ""
		refusedIn string // the function that refuses it, or ""
	}{
		"real directories":            {},
		"the operator's link":         {link: "spool"},
		"a link in the spool":         {link: "spool/sink", refusedIn: "Subdirectory"},
		"a foreign directory":         {foreign: "spool", refusedIn: "both"},
		"a foreign subdirectory":      {foreign: "spool/sink", refusedIn: "Subdirectory"},
		"a foreign link":              {link: "spool", foreign: "spool", refusedIn: "both"},
		"a foreign link in the spool": {link: "spool/sink", foreign: "spool/sink", refusedIn: "Subdirectory"},
	} {
		dir, target := t.TempDir(), t.TempDir()
		at := func(name string) string { return filepath.Join(dir, name) }
		errs := []error{unix.Chmod(dir, 0o1777)}
		switch c.link {
		case "spool":
			errs = append(errs, os.Symlink(target, at("spool")))
		case "spool/sink":
			errs = append(errs, os.Mkdir(at("spool"), 0o700), os.Symlink(target, at("spool/sink")))
		default:
			errs = append(errs, os.MkdirAll(at("spool/sink"), 0o700))
		}
		if c.foreign != "" {
			errs = append(errs, os.Lchown(at(c.foreign), other, other))
		}
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		if err := Directory(at("spool")); errors.Is(err, ErrUnsafe) != (c.refusedIn == "both") {
			t.Errorf("%s: %v", name, err)
		}
		if err := Subdirectory(at("spool/sink")); errors.Is(err, ErrUnsafe) != (c.refusedIn != "") {
			t.Errorf("%s: %v", name, err)
		}
		if entries, err := os.ReadDir(target); c.refusedIn != "" && (len(entries) > 0 || err != nil) {
			t.Errorf("%s: created %v, %v", name, entries, err)
		}
	}
	if err := Subdirectory(filepath.Join(t.TempDir(), "a", "b", "c")); err != nil {
		t.Error(err)
	}
}

func TestPrivateGroup(t *testing.T) {
	t.Parallel()
	const users = "root:x:0:0::/root:/bin/sh\nstatsd:x:105:112::/:\nalice:x:1000:1000::/home/alice:\nbob:x:1001:100::/:\ncarol:x:1002:100::/:\n+\n"
	const groups = "root:x:0:\nstatsd:x:112:\nusers:x:100:\nalice:x:1000:alice\ndaemons:x:113:\nbob:x:114:alice,bob\n"
	for _, c := range []struct {
		uid, gid int
		want     bool
	}{
		{105, 112, true},     // a system user of Debian
		{1000, 1000, true},   // a person
		{65532, 65532, true}, // a container without /etc/passwd
		{65532, 2000, false}, // a group of Kubernetes
		{1001, 100, false},   // a group of all users
		{1001, 114, false},   // the group has another member
		{105, 113, false},    // another name
		{1001, 1000, false},  // the group of another user
	} {
		if got := onlyMember(c.uid, c.gid, users, groups); got != c.want {
			t.Errorf("group %d of user %d: private is %v", c.gid, c.uid, got)
		}
	}
	if !onlyMember(65532, 65532, "", "") || onlyMember(65532, 2000, "", "") {
		t.Error("without files, the numbers do not decide")
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
