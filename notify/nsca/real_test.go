package nsca

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/notify"
)

// newClient returns a client for the tests with a real daemon. These tests read from the daemon's file whether it
// accepted a packet, so the client does not wait for a refusal.
func newClient(t *testing.T, c Config) *Client {
	t.Helper()
	c.Timeout = wait.Patience
	client, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	client.wait = time.Millisecond
	return client
}

// TestEveryMethodWithRealDaemon sends packets with all methods before it reads the first result, because nsca --single
// needs a second to recognise a legacy packet.
func TestEveryMethodWithRealDaemon(t *testing.T) {
	t.Parallel()
	const password = "a password longer than any key: 0123456789abcdef0123456789abcdef"
	daemons := make(map[Method]*counterpart.NSCA)
	for i, entry := range methods {
		if !entry.supported {
			continue
		}
		method := Method(i)
		daemons[method] = counterpart.StartNSCA(t, "--single", int(method), password)
		for _, legacy := range []bool{false, true} {
			client := newClient(t, Config{
				Server: daemons[method].Addr, Host: "web1", Service: "cpu load",
				Method: method, Password: password, Legacy: legacy,
			})
			event := notify.Event{Status: notify.Critical, Text: fmt.Sprintf("legacy packet: %t", legacy)}
			if err := client.Notify(t.Context(), event); err != nil {
				t.Fatalf("%v: %v", method, err)
			}
		}
	}
	if len(daemons) != 11 {
		t.Errorf("%d methods, not 11", len(daemons))
	}
	for method, d := range daemons {
		t.Log(method)
		equal(t, d.Commands(2), []string{
			"PROCESS_SERVICE_CHECK_RESULT;web1;cpu load;2;legacy packet: false",
			"PROCESS_SERVICE_CHECK_RESULT;web1;cpu load;2;legacy packet: true",
		})
	}
}

func TestEveryStatusWithRealDaemon(t *testing.T) {
	t.Parallel()
	d := counterpart.StartNSCA(t, "--single", int(None), "unused")
	client := newClient(t, Config{Server: d.Addr, Host: "web1"})
	for _, status := range []notify.Status{notify.OK, notify.Warning, notify.Critical, notify.Unknown, 17, -1} {
		if err := client.Notify(t.Context(), notify.Event{Status: status, Service: "statsd", Text: status.String()}); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, d.Commands(6), []string{
		"PROCESS_SERVICE_CHECK_RESULT;web1;statsd;0;OK",
		"PROCESS_SERVICE_CHECK_RESULT;web1;statsd;1;WARNING",
		"PROCESS_SERVICE_CHECK_RESULT;web1;statsd;2;CRITICAL",
		"PROCESS_SERVICE_CHECK_RESULT;web1;statsd;3;UNKNOWN",
		"PROCESS_SERVICE_CHECK_RESULT;web1;statsd;3;UNKNOWN",
		"PROCESS_SERVICE_CHECK_RESULT;web1;statsd;3;UNKNOWN",
	})
}

// TestHostileTextWithRealDaemon checks that no text can add a command, a field or performance data. The longest
// text must arrive completely.
func TestHostileTextWithRealDaemon(t *testing.T) {
	t.Parallel()
	d := counterpart.StartNSCA(t, "--single", int(XOR), "s3cret")
	var every strings.Builder
	for b := range 256 {
		every.WriteByte(byte(b))
	}
	host, service := strings.Repeat("h", 63), strings.Repeat("s", 127)
	client := newClient(t, Config{Server: d.Addr, Host: host, Service: service, Method: XOR, Password: "s3cret"})
	for _, text := range []string{
		"a\n[1] SHUTDOWN_PROGRAM\r\x00b; c|d=1",
		"",
		strings.Repeat("x", 5000),
		every.String(),
		"end",
	} {
		if err := client.Notify(t.Context(), notify.Event{Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	prefix := "PROCESS_SERVICE_CHECK_RESULT;" + host + ";" + service + ";0;"
	ascii := strings.NewReplacer("|", " ", `\`, `\\`).Replace(every.String()[32:127])
	equal(t, d.Commands(5), []string{
		prefix + "a [1] SHUTDOWN_PROGRAM  b; c d=1",
		prefix,
		prefix + strings.Repeat("x", 4095),
		prefix + strings.Repeat(" ", 32) + ascii + " " + strings.Repeat("?", 128),
		prefix + "end",
	})
}

// TestRealDaemonRefuses sends one refused packet to each daemon, and nothing after it. After a refused packet,
// nsca --single 2.10.2 mixes up the next connection and the closed one.
func TestRealDaemonRefuses(t *testing.T) {
	for _, c := range []struct {
		name, mode string
		method     Method
		password   string
	}{
		{"wrong password", "--single", Rijndael128, "wrong"},
		{"wrong password, forking daemon", "--daemon", Rijndael128, "wrong"},
		{"wrong method", "--single", Rijndael256, "s3cret"},
		{"no encryption", "--single", None, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := counterpart.StartNSCA(t, c.mode, int(Rijndael128), "s3cret")
			client := newClient(t, Config{Server: d.Addr, Host: "web1", Service: "statsd", Method: c.method, Password: c.password})
			client.wait = wait.Patience
			wantError(t, client.Notify(t.Context(), notify.Event{}),
				"nsca "+d.Addr+": the server closed the connection after the packet: password, encryption method or packet size differs from the daemon's")
			if commands := d.Commands(0); len(commands) > 0 {
				t.Errorf("the daemon wrote %q", commands)
			}
		})
	}
}

// TestRealDaemonWithBrokenMethod checks the error for a daemon whose method does not work. Such a daemon closes
// the connection before it sends the init packet.
func TestRealDaemonWithBrokenMethod(t *testing.T) {
	t.Parallel()
	d := counterpart.StartNSCA(t, "--single", 12, "s3cret")
	err := newClient(t, Config{Server: d.Addr, Host: "web1", Service: "statsd"}).Notify(t.Context(), notify.Event{})
	wantError(t, err, "nsca "+d.Addr+": got 0 of the 132 bytes of nsca's greeting, then the end of the connection: "+
		"does the daemon allow this host, and is its decryption_method valid?")
}

// TestConfigMeansTheSameToSendNSCA checks that ParseConfig and the real send_nsca read the same settings from a
// file. It compares their packets.
func TestConfigMeansTheSameToSendNSCA(t *testing.T) {
	program := counterpart.Find(t, "send_nsca")
	for _, content := range configs {
		t.Run(content.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "send_nsca.cfg")
			writeFile(t, path, content.text)
			packets := serveOne(t)
			cmd := exec.Command(program, "-H", packets.host, "-p", packets.port, "-c", path)
			cmd.Stdin = strings.NewReader("web1\tstatsd\t1\tqueue is full\n")
			output, err := cmd.CombinedOutput()
			method, password, ours := ReadConfig(path)
			if ours != nil {
				if err == nil && !content.lenient {
					t.Fatalf("send_nsca takes it, and we do not: %v", ours)
				}
				return
			}
			if err != nil {
				t.Fatalf("we take it, and send_nsca does not: %v: %s", err, output)
			}
			packet := <-packets.received
			method.decrypt(t, packet, packets.init[:ivSize], password)
			want := result{time: 1795251862, state: 1, host: "web1", service: "statsd", text: "queue is full"}
			if got := decode(t, packet); got != want {
				t.Errorf("packet is %+v, not %+v", got, want)
			}
		})
	}
}

func TestReadConfigNamesMissingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing.cfg")
	_, _, err := ReadConfig(path)
	if !os.IsNotExist(err) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}

func equal(t *testing.T, got, want []string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
