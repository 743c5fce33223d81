package listen

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// fileAs returns a duplicate of a socket, in the form in which a daemon inherits sockets. name is
// the name of its descriptor.
func fileAs(t *testing.T, name string, socket any) *os.File {
	t.Helper()
	f, err := socket.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := dup(f)
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	return os.NewFile(uintptr(fd), name)
}

// outside binds one socket of each type, as systemd does before it starts a daemon.
func outside(t *testing.T) map[Scheme]any {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stream, err := net.Listen("unix", filepath.Join(t.TempDir(), "stream"))
	if err != nil {
		t.Fatal(err)
	}
	gram, err := net.ListenPacket("unixgram", filepath.Join(t.TempDir(), "gram"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _, _, _ = tcp.Close(), udp.Close(), stream.Close(), gram.Close() })
	return map[Scheme]any{TCP: tcp, UDP: udp, Unix: stream, Unixgram: gram}
}

func addressOf(socket any) string {
	if l, ok := socket.(net.Listener); ok {
		return l.Addr().String()
	}
	return socket.(net.PacketConn).LocalAddr().String()
}

// Each inherited socket goes to the listener with the same address. The remaining listeners bind
// new sockets.
func TestInheritByAddress(t *testing.T) {
	t.Parallel()
	sockets := outside(t)
	var listeners []Listener
	var files []*os.File
	for _, scheme := range []Scheme{UDP, TCP, Unixgram, Unix} {
		listeners = append(listeners, Listener{URL: "x", Name: "other-" + string(scheme), Scheme: scheme, Address: "127.0.0.1:0", Receivers: 1})
		if scheme.Local() {
			listeners[len(listeners)-1].Address = filepath.Join(t.TempDir(), "s")
		}
		listeners = append(listeners, Listener{URL: "x", Name: string(scheme), Scheme: scheme, Address: addressOf(sockets[scheme]), Receivers: 2})
		files = append(files, fileAs(t, "fd", sockets[scheme]))
	}
	all, err := Open(listeners, files)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != len(listeners) {
		t.Errorf("%d listeners", len(all))
	}
	for _, b := range all {
		if b.Given != (b.Name == string(b.Scheme)) {
			t.Errorf("%s: inherited %v", b.Name, b.Given)
		}
		if b.Given && (b.Addr().String() != b.Address || len(b.Packets) > 1) {
			t.Errorf("%s: it has %s, %d sockets", b.Name, b.Addr(), len(b.Packets))
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, scheme := range local {
		if !reaches(scheme, addressOf(sockets[scheme])) {
			t.Errorf("%s: the file of an inherited socket was removed", scheme)
		}
	}
}

// If an inherited socket has an address that no listener has, the socket becomes a listener with
// the name of the descriptor. The listeners of --port take one TCP socket and all UDP sockets,
// whatever their ports are.
func TestInheritWithoutListeners(t *testing.T) {
	t.Parallel()
	first, second := outside(t), outside(t)
	port := []Listener{
		{Name: "udp", FromPort: true, Scheme: UDP, Address: "127.0.0.1:0", Receivers: 1},
		{Name: "tcp", FromPort: true, Scheme: TCP, Address: "127.0.0.1:0"},
	}
	all, err := Open(port, []*os.File{
		fileAs(t, "statsd.socket", first[TCP]), fileAs(t, "Second One", second[TCP]),
		fileAs(t, "u", first[UDP]), fileAs(t, "u", second[UDP]),
		fileAs(t, "dsd", first[Unix]), fileAs(t, "dsd", second[Unixgram]), fileAs(t, "///", first[Unixgram]),
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, b := range all {
		got[b.Name] = b.Addr().String()
		if !b.Given || b.Name == "udp" && len(b.Packets) != 2 {
			t.Errorf("%s: inherited %v, %d sockets", b.Name, b.Given, len(b.Packets))
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	for name, socket := range map[string]any{
		"tcp": first[TCP], "second-one": second[TCP], "udp": first[UDP],
		"dsd": first[Unix], "dsd-2": second[Unixgram], "unixgram": first[Unixgram],
	} {
		if got[name] != addressOf(socket) {
			t.Errorf("%s has %q, want %s; all are %q", name, got[name], addressOf(socket), got)
		}
	}
}

// sameAddress compares the address of a listener with the address of an inherited socket. Two
// addresses can be the same although they are written differently.
func TestSameAddress(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		wanted, has string
		same        bool
	}{
		{":8125", "[::]:8125", true},
		{":8125", "0.0.0.0:8125", true},
		{":8125", "127.0.0.1:8125", false},
		{"127.0.0.1:8125", "127.0.0.1:8125", true},
		{"127.0.0.1:8125", "[::ffff:127.0.0.1]:8125", true},
		{"localhost:8125", "127.0.0.1:8125", true},
		{"127.0.0.1:8125", "127.0.0.1:8126", false},
		{"[::1]:8125", "[::1]:8125", true},
		{"no-such-host.invalid:8125", "127.0.0.1:8125", false},
	} {
		if got := sameAddress(UDP, test.wanted, test.has); got != test.same {
			t.Errorf("%s and %s: %v", test.wanted, test.has, got)
		}
	}
}

func TestInheritRefuses(t *testing.T) {
	t.Parallel()
	text, err := os.Open("inherit_test.go")
	if err != nil {
		t.Fatal(err)
	}
	sockets := outside(t)
	conn, err := net.Dial("tcp", addressOf(sockets[TCP]))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for want, f := range map[string]*os.File{
		"it is a connection; it must be a listening socket":            fileAs(t, "c", conn),
		"inherited as inherit_test.go: socket operation on non-socket": text,
	} {
		files := []*os.File{fileAs(t, "u", sockets[UDP]), f, fileAs(t, "t", sockets[TCP])}
		if _, err := Open(nil, files); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		for _, f := range files {
			if f.Close() == nil {
				t.Errorf("%q: a socket stays open", want)
			}
		}
	}
}

func dup(f *os.File) (fd int, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	var failed error
	err = raw.Control(func(from uintptr) {
		if fd, failed = syscall.Dup(int(from)); failed == nil {
			syscall.CloseOnExec(fd)
		}
	})
	return fd, errors.Join(err, failed)
}
