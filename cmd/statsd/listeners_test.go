package main

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/server"
)

// listenersOf returns the listeners for a command line.
func listenersOf(t *testing.T, line ...string) (l intake.Listen, err error) {
	t.Helper()
	all := newSettings(flags)
	if err := all.resolve(arguments{args: line}, func(string) string { return "" }); err != nil {
		return l, err
	}
	cfg := server.Config{Fixed: server.Fixed{Listen: all.listen()}}
	err = all.addListeners(&cfg)
	return cfg.Listen, err
}

// TestListeners checks that options in the URL of a listener have priority over flags.
func TestListeners(t *testing.T) {
	t.Parallel()
	l, err := listenersOf(t, "--receivers=3", "--udp-buffer=1MiB", "--tcp-idle-timeout=5m",
		"--listen=udp://:8124", "--listen=udp://127.0.0.1?receivers=1&buffer=64KiB&name=west", "--listen=udp://[::1]:9125",
		"--listen=tcp://localhost:9?max=5&idle=0&line=2s", "--listen=tcp://:10?idle=1m",
		"--listen=unixgram:///run/a//b?mode=0622&owner=7&group=8&allow-uid=0,9&allow-gid=10", "--listen=unixgram://@abc",
		"--listen=unix:///run/a%3Fb?framing=lines&max=1")
	if err != nil {
		t.Fatal(err)
	}
	file := listen.File{Mode: 0o660}
	want := []listen.Listener{
		{Name: "udp", Scheme: listen.UDP, Address: ":8124", Receivers: 3, Buffer: 1 << 20},
		{Name: "west", Scheme: listen.UDP, Address: "127.0.0.1:8125", Receivers: 1, Buffer: 64 << 10},
		{Name: "udp-2", Scheme: listen.UDP, Address: "[::1]:9125", Receivers: 3, Buffer: 1 << 20},
		{Name: "tcp", Scheme: listen.TCP, Address: "localhost:9", Limits: listen.Limits{Max: 5, Idle: -1, Line: 2 * time.Second}},
		{Name: "tcp-2", Scheme: listen.TCP, Address: ":10", Limits: listen.Limits{Idle: time.Minute}},
		{Name: "unixgram", Scheme: listen.Unixgram, Address: "/run/a/b", File: listen.File{Mode: 0o622, User: "7", Group: "8"}, UIDs: []uint32{0, 9}, GIDs: []uint32{10}},
		{Name: "unixgram-2", Scheme: listen.Unixgram, Address: "@abc", File: file},
		{Name: "unix", Scheme: listen.Unix, Address: "/run/a?b", Framing: listen.Lines, Limits: listen.Limits{Max: 1}, File: file},
	}
	for i := range l.Listeners {
		got := l.Listeners[i]
		got.URL = ""
		if got.Scheme == listen.Unixgram {
			got.Receivers, got.Buffer = 0, 0
		}
		if i >= len(want) || !reflect.DeepEqual(got, want[i]) {
			t.Errorf("listener %d is %+v, want %+v", i, got, want[i])
		}
	}
	if !l.PortOff || len(l.Listeners) != len(want) {
		t.Errorf("%d listeners, --port is off: %v", len(l.Listeners), l.PortOff)
	}
}

// TestListenBesidePort checks that with --listen, the port of --port is opened only if --port or
// --name is given. The two listeners of this port are then called udp and tcp.
func TestListenBesidePort(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		line []string
		off  bool
		name string
	}{
		{[]string{"--listen=udp://:9"}, true, "udp"},
		{[]string{"--listen=udp://:9", "--port=8125"}, false, "udp-2"},
		{[]string{"--listen=udp://:9", "--name=127.0.0.1"}, false, "udp-2"},
	} {
		l, err := listenersOf(t, test.line...)
		if err != nil || l.PortOff != test.off || l.Listeners[0].Name != test.name {
			t.Errorf("%q: off %v, %+v, %v", test.line, l.PortOff, l.Listeners, err)
		}
	}
	if l, err := listenersOf(t); err != nil || l.PortOff || l.Listeners != nil {
		t.Errorf("without --listen: %+v, %v", l, err)
	}
}

func TestListenErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"8125":                                "must be a URL such as udp://:8125 or",
		"127.0.0.1:8125":                      "must be a URL such as udp://:8125 or",
		"sctp://:8125":                        `unknown scheme "sctp"; use udp, `,
		"udp://::1:8125":                      "put an IPv6 address in brackets",
		"udp://:8125/path":                    "must be SCHEME://HOST:PORT?KEY=VALUE, without a user, a path or a fragment",
		"udp://user@host:8125":                "must be SCHEME://HOST:PORT?KEY=VALUE, without a user, a path or a fragment",
		"udp://:port":                         "invalid port",
		"udp://:8125?idle=1s":                 `udp:// has no setting "idle"; use name, receivers`,
		"udp://:8125?receivers=0":             "receivers: must be between 1 and 1024",
		"udp://:8125?receivers=x":             "receivers: must be a whole number",
		"udp://:8125?buffer=0":                "buffer: must be between 1 byte and 1 GiB",
		"udp://:8125?name=A":                  "name: may have at most 64 characters, only a-z, 0-9, _ and -",
		"tcp://:8125?max=0":                   "max: must be at least 1",
		"tcp://:8125?line=1ms":                "line: must be at least 10ms",
		"tcp://:8125?line=0":                  "line: must be more than 0",
		"tcp://:8125?idle=-1s":                "idle: must be 0",
		"tcp://:8125?max=1&max=2":             "max: is set twice",
		"unixgram://run/a":                    "needs the path of a socket, as in unixgram:///run/statsd/dsd.socket, or @NAME",
		"unixgram:///run/":                    "needs the path of a socket",
		"unixgram://@":                        "needs the path of a socket",
		"unix:///run/a%zz":                    "invalid URL escape",
		"unix:///run/a?mode=rw":               "mode: must be a mode such as 0660",
		"unix:///run/a?mode=1777":             "mode: must be a mode such as 0660",
		"unix:///run/a?framing=yes":           "framing: must be auto, lines or dogstatsd",
		"unix:///run/a?allow-uid=-1":          "allow-uid: ",
		"unix:///run/a?allow-uid=nobo,":       "allow-uid: ",
		"udp://:99999":                        "port 99999: must be at most 65535",
		"udp://:1?name=":                      "name: has no value: set a value, or remove the key",
		"unix:///run/a?allow-uid=":            "allow-uid: has no value",
		"unix:///run/a?allow-gid=":            "allow-gid: has no value",
		"tcp+tls://:1?client-ca=":             "client-ca: has no value",
		"tcp+tls://:1?allow-name=":            "allow-name: has no value",
		"udp+hmac://:1?keys=":                 "keys: has no value",
		"unix:///run/a%00b":                   "the path of a socket cannot contain control characters",
		"unixgram://@a%0Ab":                   "the path of a socket cannot contain control characters",
		"unix://@a?mode=0600":                 "mode: an abstract socket has no file",
		"unixgram://@a?owner=root":            "owner: an abstract socket has no file",
		"unixgram://@a?group=root":            "group: an abstract socket has no file",
		"unix:///run/a?owner=no-such-user":    `owner: unknown user "no-such-user"`,
		"unix:///run/a?group=no-such-group":   `group: unknown group "no-such-group"`,
		"unix:///" + strings.Repeat("x", 103): "the path of a socket may have at most 103 bytes, not 104",
	} {
		_, err := listenersOf(t, "--listen="+text)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "--listen "+text+": ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	for want, line := range map[string][]string{
		"given twice":                                      {"--listen=udp://:9", "--listen=udp://:9"},
		"name: another listener has the name a":            {"--listen=udp://:9?name=a", "--listen=tcp://:9?name=a"},
		"name: another listener has the name tcp":          {"--port=8125", "--listen=udp://:9?name=tcp"},
		"port 8135 is already used by --monitor-port":      {"--listen=tcp://:8135"},
		"port 8125 is already used by --port":              {"--listen=tcp://127.0.0.1:8125", "--port=8125"},
		"port 9 is already used by --listen tcp://:9":      {"--listen=tcp://:9", "--listen=tcp://127.0.0.1:9"},
		"port 9 is already used by --listen udp://:9":      {"--listen=udp://:9", "--listen=udp://127.0.0.1:9?receivers=1"},
		"port 8126 is already used by --port":              {"--port=8126", "--listen=udp://:8126"},
		"the file /run/a.new is already used by":           {"--listen=unix:///run/a", "--listen=unix:///run/a.new"},
		"the file /run/a.lock is already used by":          {"--listen=unix:///run/a", "--state-file=/run/a.lock"},
		"the file /run/a is already used by --listen unix": {"--listen=unix:///run/a", "--listen=unixgram:///run/../run/a"},
	} {
		if _, err := listenersOf(t, line...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", line, err, want)
		}
	}
}
