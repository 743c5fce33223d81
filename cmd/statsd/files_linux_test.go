package main

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
)

// ourFile is a file that the daemon opens.
type ourFile struct {
	name string
	// args returns arguments that make the daemon open the file at path.
	args func(t *testing.T, path string) []string
	// links means that the daemon follows symbolic links, because the operator provides the file.
	links bool
	// goesOn means that the daemon starts without the file and logs the reason.
	goesOn bool
	// streams means that the file may be a device or pipe.
	streams bool
}

var ourFiles = []ourFile{
	{name: "state", args: flagFor("--state-file")},
	{name: "state.lock", args: func(_ *testing.T, path string) []string {
		return []string{"--state-file", strings.TrimSuffix(path, ".lock")}
	}},
	{name: "state.alerts", goesOn: true, args: func(_ *testing.T, path string) []string {
		// Without a grace period, the last save of the state file may still run after the daemon has ended.
		return []string{"--grace", "5", "--state-file", strings.TrimSuffix(path, ".alerts")}
	}},
	{name: "headers", links: true, args: func(_ *testing.T, path string) []string {
		return []string{"--notify-webhook", "http://localhost:9/", "--notify-auth-file", path}
	}},
	{name: "rules.yml", args: flagFor("--rules"), links: true},
	{name: "mapping.yml", links: true, args: func(_ *testing.T, path string) []string {
		return []string{"-s", "prometheus://127.0.0.1:0?mapping=" + path}
	}},
	{name: "pid", args: flagFor("--pidfile")},
	{name: "log", args: flagFor("--log-file"), links: true, streams: true},
	{name: "conf", args: flagFor("--config"), links: true},
	{name: "send_nsca.cfg", links: true, args: func(_ *testing.T, path string) []string {
		return []string{"--alert", "--nsca-server", "localhost", "--nsca-config", path}
	}},
	{name: "page", links: true, args: func(_ *testing.T, path string) []string { return []string{"--alert", "--notify-exec", path} }},
	{name: "ca.pem", links: true, args: func(_ *testing.T, path string) []string {
		return []string{"--flush-interval", "0.05", "-s", "graphite+tls://" + takenTLS + "?ca=" + path}
	}},
	{name: "sink.pem", links: true, args: sinkFor("cert", "key=#")},
	{name: "sink.key", links: true, args: sinkFor("key", "cert=#")},
	{name: "sink.headers", links: true, goesOn: true, args: func(_ *testing.T, path string) []string {
		return []string{"--flush-interval", "0.05", "-s", "influxdb://127.0.0.1:1?db=d&header-file=" + path}
	}},
	{name: "sink.token", links: true, goesOn: true, args: func(_ *testing.T, path string) []string {
		return []string{"--flush-interval", "0.05", "-s", "influxdb+v2://127.0.0.1:1?org=o&bucket=b&token-file=" + path}
	}},
	{name: "tokens", args: flagFor("--monitor-tokens"), links: true},
	{name: "monitor.pem", links: true, args: certFor("--monitor-cert", "--monitor-key")},
	{name: "monitor.key", links: true, args: certFor("--monitor-key", "--monitor-cert")},
	{name: "listen.keys", links: true, args: urlFor("--listen", "udp+hmac://127.0.0.1:0?keys=@")},
	{name: "listen.pem", links: true, args: urlFor("--listen", "tcp+tls://127.0.0.1:0?cert=@&key=#")},
	{name: "listen.key", links: true, args: urlFor("--listen", "tcp+tls://127.0.0.1:0?cert=#&key=@")},
	{name: "listen.ca", links: true, args: urlFor("--listen", "tcp+tls://127.0.0.1:0?cert=#&key=#&client-ca=@")},
	{name: "central.keys", links: true, args: urlFor("--collect", "statsd://127.0.0.1:0?keys=@")},
	{name: "central.pem", links: true, args: urlFor("--collect", "statsd+tls://127.0.0.1:0?cert=@&key=#")},
	{name: "central.key", links: true, args: urlFor("--collect", "statsd+tls://127.0.0.1:0?cert=#&key=@")},
	{name: "central.ca", links: true, args: urlFor("--collect", "statsd+tls://127.0.0.1:0?cert=#&key=#&client-ca=@")},
	{name: "edge.keys", links: true, args: urlFor("--forward", "statsd://127.0.0.1:1?keys=@")},
	{name: "edge.ca", links: true, args: urlFor("--forward", "statsd+tls://127.0.0.1:1?ca=@")},
	{name: "edge.pem", links: true, args: urlFor("--forward", "statsd+tls://127.0.0.1:1?cert=@&key=#")},
	{name: "edge.key", links: true, args: urlFor("--forward", "statsd+tls://127.0.0.1:1?cert=#&key=@")},
	{name: "nats.creds", links: true, args: urlFor("--forward", "nats://127.0.0.1:1?creds=@")},
	{name: "nats.nk", links: true, args: urlFor("--forward", "nats://127.0.0.1:1?nkey=@")},
	{name: "nats.ca", links: true, args: urlFor("--forward", "nats+tls://127.0.0.1:1?ca=@")},
	{name: "nats.pem", links: true, args: urlFor("--forward", "nats+tls://127.0.0.1:1?cert=@&key=#")},
	{name: "nats.key", links: true, args: urlFor("--forward", "nats+tls://127.0.0.1:1?cert=#&key=@")},
	{name: "owner.creds", links: true, args: urlFor("--collect", "nats://127.0.0.1:1?creds=@")},
	{name: "owner.nk", links: true, args: urlFor("--collect", "nats://127.0.0.1:1?nkey=@")},
	{name: "spool/graphite/lock", goesOn: true, args: spoolFor},
	{name: "spool/graphite/position", goesOn: true, args: spoolFor},
	{name: "spool/collect/lock", args: func(_ *testing.T, path string) []string {
		return []string{"--collect", "statsd://127.0.0.1:0", "--spool-dir", filepath.Dir(filepath.Dir(path))}
	}},
	{name: "spool/forward.settings", links: true, goesOn: true, args: func(_ *testing.T, path string) []string {
		return []string{"--forward", "statsd://127.0.0.1:1", "--spool-dir", filepath.Dir(path)}
	}},
}

// withPair replaces @ in the text by path, and # by a file with a certificate and its key.
func withPair(text, path string) string {
	return strings.NewReplacer("@", path, "#", goodPair).Replace(text)
}

// urlFor returns arguments for a flag that takes a URL. A central daemon also needs a directory.
func urlFor(flag, url string) func(*testing.T, string) []string {
	return func(t *testing.T, path string) []string {
		args := []string{flag, withPair(url, path)}
		if flag == "--collect" && strings.HasPrefix(url, "statsd") {
			args = append(args, "--spool-dir", t.TempDir())
		}
		return args
	}
}

func sinkFor(setting, other string) func(*testing.T, string) []string {
	return func(_ *testing.T, path string) []string {
		return []string{"--flush-interval", "0.05", "-s", withPair("graphite+tls://"+takenTLS+"?"+setting+"=@&"+other, path)}
	}
}

func certFor(flag, other string) func(*testing.T, string) []string {
	return func(_ *testing.T, path string) []string {
		return []string{"--monitor-port", "0", flag, path, other, goodPair}
	}
}

func flagFor(flag string) func(*testing.T, string) []string {
	return func(_ *testing.T, path string) []string { return []string{flag, path} }
}

func spoolFor(_ *testing.T, path string) []string {
	return []string{"--flush-interval", "0.05", "--graphite-host", "127.0.0.1", "--graphite-port", "1", "--spool-dir", filepath.Dir(filepath.Dir(path))}
}

// takenTLS is the address in the URL of the sink that uses ca.pem. TestFiles listens on this address.
var takenTLS string

// goodPair is a file with a certificate and its key.
var goodPair string

// TestFiles replaces each file that the daemon opens with a trap: another type of file or a link. The daemon must
// report the trap. It must not block, and must not change the target of a link.
func TestFiles(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	takenTLS = l.Addr().String()
	cert, key := counterpart.NewAuthority(t).Issue("127.0.0.1")
	goodPair = cert
	secret, err := os.ReadFile(key)
	check(t, err)
	file, err := os.OpenFile(cert, os.O_APPEND|os.O_WRONLY, 0)
	check(t, err)
	_, err = file.Write(secret)
	check(t, err)
	check(t, file.Close())
	for _, file := range ourFiles {
		for _, trap := range []string{"link", "fifo", "socket", "device", "directory"} {
			t.Run(file.name+"/"+trap, func(t *testing.T) { file.try(t, trap, folder{}) })
		}
		for name, in := range sharedFolders {
			if name != "tmp" && !soak.All() {
				continue
			}
			for _, trap := range []string{"foreign file", "foreign link", "hard link"} {
				t.Run(file.name+"/"+trap+" in "+name, func(t *testing.T) { file.try(t, trap, in) })
			}
		}
	}
}

// other is a user and a group.
const other = 65534

// folder is the mode and the owner of a directory.
type folder struct {
	mode     uint32
	uid, gid int
}

// sharedFolders are directories in which another user can create files.
var sharedFolders = map[string]folder{
	"tmp":                     {0o1777, -1, -1},
	"a group's directory":     {mode: 0o775, gid: other},
	"var log":                 {mode: 0o2770, gid: other},
	"a user's directory":      {mode: 0o755, uid: other, gid: other},
	"a user's own tmp":        {mode: 0o1777, uid: other, gid: other},
	"a read-only foreign one": {mode: 0o555, uid: other},
}

// make sets the mode and the owner of a directory. It skips the test if this user cannot do so.
func (p folder) make(t *testing.T, dir string) {
	t.Helper()
	if os.Chown(dir, p.uid, p.gid) != nil {
		t.Skip("needs root")
	}
	check(t, unix.Chmod(dir, p.mode))
}

const treasure = "# do not touch\n"

func (f ourFile) try(t *testing.T, trap string, in folder) {
	dir := t.TempDir()
	path := filepath.Join(dir, f.name)
	victim := filepath.Join(t.TempDir(), "victim")
	check(t, os.WriteFile(victim, []byte(treasure), 0o700))
	check(t, os.MkdirAll(filepath.Dir(path), 0o700))
	refused := f.set(t, trap, path, victim)
	if in.mode != 0 {
		in.make(t, filepath.Dir(path))
	}
	said := f.outcome(t, refused, f.args(t, path))
	named := path
	if in.uid == other && strings.HasPrefix(f.name, "spool/") {
		named = filepath.Dir(path) // the directory is refused
	}
	if refused && !(strings.Contains(said, named) && complains(said)) {
		t.Errorf("does not report the fault of %s: %s", path, said)
	}
	if n := strings.Count("\n"+said, "\nstatsd: "); refused && !f.goesOn && n != 1 {
		t.Errorf("says %d lines: %s", n, said)
	}
	got, err := os.ReadFile(victim)
	if err != nil || string(got) != treasure && !(f.streams && !refused) {
		t.Errorf("the victim holds %q, %v", got, err)
	}
}

// set creates a trap at path. It returns whether the daemon must refuse the trap.
func (f ourFile) set(t *testing.T, trap, path, victim string) (refused bool) {
	t.Helper()
	switch trap {
	case "link":
		check(t, os.Symlink(victim, path))
		return !f.links
	case "fifo":
		check(t, unix.Mkfifo(path, 0o666))
	case "socket":
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
		check(t, err)
		defer unix.Close(fd)
		if unix.Bind(fd, &unix.SockaddrUnix{Name: path}) != nil {
			t.Skip("the path is too long for a socket")
		}
	case "device":
		check(t, os.Symlink("/dev/zero", path))
		if unix.Mknod(path+"0", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))) == nil {
			check(t, os.Rename(path+"0", path))
		}
		return !f.streams
	case "directory":
		check(t, os.Mkdir(path, 0o777))
	case "foreign file", "foreign link", "hard link":
		switch trap {
		case "hard link":
			check(t, os.Link(victim, path))
			return true
		case "foreign file":
			check(t, os.WriteFile(path, nil, 0o600))
			check(t, os.Chmod(path, 0o666)) // everybody can change it
		default:
			check(t, os.Symlink(victim, path))
		}
		if os.Lchown(path, other, other) != nil {
			t.Skip("needs root")
		}
	}
	return true
}

// outcome runs a daemon and returns its messages. The parameter refused says that the daemon must not use the file. If
// refused is true, a daemon that cannot start without the file must exit by itself.
func (f ourFile) outcome(t *testing.T, refused bool, args []string) string {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	args = append([]string{"statsd", "-p", "0", "-n", "127.0.0.1", "--receivers", "1"}, args...)
	if !slices.Contains(args, "--monitor-port") {
		args = append(args, "--monitor-port", "off")
	}
	if !slices.Contains(args, "--grace") {
		args = append(args, "--grace", "0")
	}
	var log buffer
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, args, io.Discard, &log) }()
	enough := func(text string) bool { return strings.Contains(text, "ready for udp and tcp") }
	switch {
	case refused && f.goesOn:
		enough = complains
	case f.streams: // the log is written to the file, not to standard error
		enough = func(string) bool { return true }
	}
	for {
		select {
		case code := <-ended:
			if ctx.Err() != nil || code != exitFailed {
				t.Errorf("hangs, or exits %d", code)
			}
			return log.String()
		case <-time.After(2 * time.Millisecond):
		}
		if refused && !f.goesOn || !enough(log.String()) {
			continue
		}
		stop()
		if code := <-ended; code != exitOK && !(refused && code == exitFailed) { // it may have complained and ended already
			t.Errorf("exits %d: %s", code, log.String())
		}
		return log.String()
	}
}

func complains(text string) bool {
	return strings.Contains(text, "refused: it ") || strings.Contains(text, "is a directory") || strings.Contains(text, "the pipe has no reader")
}

// buffer is a bytes.Buffer that is safe for concurrent use.
type buffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestOtherKinds gives the daemon files of another kind, and files that another process has locked. The daemon must
// refuse to start, and leave the files unchanged.
func TestOtherKinds(t *testing.T) {
	t.Parallel()
	const pid = "4194305\n"
	for _, c := range []struct {
		name, suffix, text string
		locked             bool
		args               []string
	}{
		{name: "state", text: pid, args: []string{"--state-file"}},
		{name: "state", text: `{"version":1,"episodes":null}` + "\n", args: []string{"--state-file"}},
		{name: "state", locked: true, args: []string{"--state-file"}},
		{name: "history", suffix: ".alerts", text: pid, args: []string{"--state-file"}},
		{name: "cluster", suffix: ".cluster", text: pid, args: []string{"--forward", "statsd://127.0.0.1:1", "--state-file"}},
		{name: "log", text: pid, locked: true, args: []string{"--log-file"}},
		{name: "log", locked: true, args: []string{"--log-file"}},
	} {
		path := filepath.Join(t.TempDir(), c.name)
		file, err := os.Create(path + c.suffix)
		check(t, err)
		_, err = file.WriteString(c.text)
		check(t, err)
		if c.locked {
			check(t, unix.Flock(int(file.Fd()), unix.LOCK_EX))
		}
		said := ourFile{}.outcome(t, true, append(c.args, path))
		if !strings.Contains(said, path+c.suffix) || !strings.Contains(said, "it is not ") && !strings.Contains(said, "it is locked by another process") {
			t.Errorf("%s %q: does not report the fault: %s", c.name, c.text, said)
		}
		if now, err := os.ReadFile(path + c.suffix); string(now) != c.text || err != nil {
			t.Errorf("%s: %q became %q, %v", c.name, c.text, now, err)
		}
		check(t, file.Close())
	}
}

// TestForeignSpool checks that a daemon refuses to start with a directory of another user, or with a link of another
// user, and creates nothing in it. A directory in the spool that belongs to another user is reported.
func TestForeignSpool(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"-s", "graphite://127.0.0.1:1", "--flush-interval", "0.05"},
		{"--collect", "statsd://127.0.0.1:0?allow=127.0.0.1"},
		{"--forward", "statsd://127.0.0.1:1"},
	} {
		for _, trap := range []string{"spool", "spool/graphite", "link", "link/graphite"} {
			below := strings.HasSuffix(trap, "/graphite")
			if below && args[0] != "-s" {
				continue
			}
			dir, target := t.TempDir(), t.TempDir()
			at := filepath.Join(dir, "spool")
			if below {
				check(t, os.Mkdir(at, 0o700))
				at = filepath.Join(at, "graphite")
			}
			if strings.HasPrefix(trap, "link") {
				check(t, os.Symlink(target, at))
			} else {
				check(t, os.Mkdir(at, 0o777))
				target = at
			}
			check(t, os.Chmod(dir, 0o1777))
			if os.Lchown(at, other, other) != nil {
				t.Skip("needs root")
			}
			said := ourFile{goesOn: below}.outcome(t, true, append(slices.Clone(args), "--spool-dir", filepath.Join(dir, "spool")))
			if !strings.Contains(said, at) || !complains(said) {
				t.Errorf("%s: does not report the fault: %s", trap, said)
			}
			if entries, err := os.ReadDir(target); len(entries) > 0 || err != nil {
				t.Errorf("%s: created %v, %v", trap, entries, err)
			}
		}
	}
}

// TestReloadForeignProgram checks that a reload refuses the program of --notify-exec if it now belongs to another user.
func TestReloadForeignProgram(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "page")
	check(t, os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700))
	check(t, os.Chmod(dir, 0o1777))
	a := &admission{running: startDaemon(t, "--alert", "--notify-exec", path, "--monitor-port=off")}
	if os.Chown(path, other, other) != nil {
		t.Skip("needs root")
	}
	a.reload("reload failed: all settings are unchanged")
	if said := a.log.String(); !strings.Contains(said, "refused: it belongs to user 65534") {
		t.Errorf("the log says %s", said)
	}
}
