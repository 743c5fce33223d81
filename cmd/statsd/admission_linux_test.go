package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/client"
	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

// The keys that sign datagrams in these tests.
const (
	firstKey  = "the first key of this test"
	secondKey = "the second key of this test"
)

// admission is a daemon with listeners of all kinds that check their senders.
type admission struct {
	*running
	authority *counterpart.Authority
	graphite  *sinktest.Server
	dir       string
	config    string // path of the configuration file
	at        map[string]string
}

func startAdmission(t *testing.T) *admission {
	t.Helper()
	a := &admission{running: &running{t: t}, authority: counterpart.NewAuthority(t), graphite: sinktest.NewServer(t), dir: t.TempDir(), at: map[string]string{}}
	for _, name := range []string{"tls", "named", "signed", "far", "near"} {
		a.at[name] = counterpart.FreeAddress(t).String()
	}
	a.config = filepath.Join(a.dir, "statsd.conf")
	cert, key := a.authority.Issue("127.0.0.1")
	a.write("server.pem", a.read(cert))
	a.write("server.key", a.read(key))
	a.write("keys", firstKey+"\n")
	a.configure("127.0.0.0/8", "web*")
	a.running = startDaemon(t, "--config", a.config, "--flush-interval=250ms", "--counters-prefix=", "--monitor-port=off",
		"--graphite-host=127.0.0.1", fmt.Sprint("--graphite-port=", a.graphite.Port()))
	return a
}

func (a *admission) read(path string) string {
	a.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		a.t.Fatal(err)
	}
	return string(text)
}

// write replaces a file that the daemon reads.
func (a *admission) write(name, text string) {
	a.t.Helper()
	if err := os.WriteFile(filepath.Join(a.dir, name), []byte(text), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// configure writes the configuration file. The first argument lists the addresses that the listener "near" allows. The
// second argument lists the certificate names that the listener "named" allows.
func (a *admission) configure(near, names string) {
	server := fmt.Sprintf("cert=%s/server.pem&key=%[1]s/server.key", a.dir)
	a.write("statsd.conf", fmt.Sprintf(`listen tcp+tls://%s?name=tls&%s
listen tcp+tls://%s?name=named&%s&client-ca=%s&allow-name=%s
listen udp+hmac://%s?name=signed&keys=%s/keys&drift=1m
listen udp://%s?name=far&allow=10.0.0.0/8,2001:db8::/32
listen tcp://%s?name=near&allow=%s
`, a.at["tls"], server, a.at["named"], server, a.authority.File, names, a.at["signed"], a.dir, a.at["far"], a.at["near"], near))
}

// reload triggers a reload, and waits until the log contains the given text once more.
func (a *admission) reload(want string) {
	a.t.Helper()
	before := strings.Count(a.log.String(), want)
	a.signal(syscall.SIGHUP)
	for until := time.Now().Add(wait.Patience); strings.Count(a.log.String(), want) == before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			a.t.Fatalf("no %q after a reload; the log says:\n%s", want, &a.log)
		}
	}
}

// certificate returns the TLS configuration of a client. If name is empty, the client has no certificate.
func (a *admission) certificate(name string) *tls.Config {
	a.t.Helper()
	c := a.authority.Client()
	if name != "" {
		cert, key := a.authority.Issue(name)
		own, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			a.t.Fatal(err)
		}
		c.Certificates = []tls.Certificate{own}
	}
	return c
}

func (a *admission) dial(to, name string) *tls.Conn {
	a.t.Helper()
	conn, err := tls.Dial("tcp", a.at[to], a.certificate(name))
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (a *admission) send(conn net.Conn, lines string) {
	a.t.Helper()
	if _, err := io.WriteString(conn, lines); err != nil {
		a.t.Fatal(err)
	}
}

func (a *admission) datagrams(to string, all ...string) {
	a.t.Helper()
	conn, err := net.Dial("udp", a.at[to])
	if err != nil {
		a.t.Fatal(err)
	}
	defer conn.Close()
	for _, d := range all {
		a.send(conn, d)
	}
}

// count returns the sum of a counter in the points that were sent to Graphite.
func (a *admission) count(name string) (sum float64) {
	for _, p := range a.graphite.PointsOf(name) {
		sum += p.Value / 4 // convert the rate per second to a count
	}
	return sum
}

// figure returns the latest value of one of the daemon's own metrics.
func (a *admission) figure(name string) float64 {
	points := a.graphite.PointsOf("statsd." + name)
	if len(points) == 0 {
		return 0
	}
	return points[len(points)-1].Value
}

// await waits until a counter has the expected value.
func (a *admission) await(name string, want float64) {
	a.t.Helper()
	wait.Until(a.t, fmt.Sprintf("%s is not %v", name, want), func() bool { return a.count(name) == want })
}

// sign returns a signed datagram. The time in the datagram is the current time plus the given duration.
func sign(key, lines string, later time.Duration) string {
	rest := binary.LittleEndian.AppendUint64(nil, uint64(time.Now().Add(later).Unix()))
	rest = append(rest, "0000"+lines...)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(rest)
	return string(append(mac.Sum(nil), rest...))
}

// closeClient closes a client, and checks that the client has sent all its lines.
func closeClient(t *testing.T, c *client.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait.Patience)
	defer cancel()
	if err := c.Close(ctx); err != nil {
		t.Error(err)
	}
}

// TestAdmission sends lines to each listener: as an allowed client, and in all ways that must be refused.
func TestAdmission(t *testing.T) {
	t.Parallel()
	a := startAdmission(t)
	const lines = 500
	for _, cfg := range []client.Config{
		{Address: a.at["named"], Prefix: "by.tls", Dial: (&tls.Dialer{Config: a.certificate("web7")}).DialContext},
		{Address: a.at["signed"], Prefix: "by.hmac", Network: "udp", HMACKey: []byte(firstKey)},
		{Address: a.at["near"], Prefix: "by.address"},
	} {
		c, err := client.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		for range lines {
			c.Incr("a")
		}
		closeClient(t, c)
		a.await(cfg.Prefix+".a", lines)
	}
	once := sign(firstKey, "twice:1|c", 0)
	a.datagrams("signed", once, once, once, sign(secondKey, "bad:1|c", 0), "bad:1|c",
		sign(firstKey, "bad:1|c", -time.Hour), sign(firstKey, "bad:2|c", -2*time.Hour), sign(firstKey, "bad:3|c", -3*time.Hour), sign(firstKey, "bad:1|c", time.Hour))
	a.datagrams("far", "bad:1|c", "bad:1|c", "bad:1|c", "bad:1|c")
	for range 2 {
		a.refusedTLS("named", "", "bad certificate")
	}
	a.refusedTLS("named", "db7", "bad certificate")
	a.refusedPlain("named")
	a.refusedPlain("tls")
	a.openssl()
	a.stop()
	want := map[string]float64{
		"signed.replayed": 2, "signed.bad_auth": 2, "signed.late": 3, "signed.early": 1, "signed.denied": 0, "signed.unremembered": 0, "signed.old_key": 0,
		"far.denied": 4, "far.datagrams": 4, "far.lines": 0, "near.denied": 0,
		"named.no_certificate": 2, "named.bad_name": 1, "named.bad_handshake": 1, "named.bad_certificate": 0, "named.crowded": 0, "named.slow_handshake": 0,
		"named.connections": 5, "named.open": 0, "named.lines": lines, "tls.bad_handshake": 1, "tls.no_certificate": 0,
	}
	for name, n := range want {
		if got := a.figure("listen." + name); got != n {
			t.Errorf("%s is %v, want %v", name, got, n)
		}
	}
	if a.count("bad") != 0 || a.count("twice") != 1 {
		t.Errorf("bad counts %v, twice %v", a.count("bad"), a.count("twice"))
	}
	for _, name := range []string{"signed", "far", "named", "tls"} {
		if n := strings.Count(a.log.String(), "listener "+name+" refused "); n > 2 {
			t.Errorf("the log has %d lines about %s:\n%s", n, name, &a.log)
		}
	}
}

// refusedTLS connects to a listener, and expects a TLS alert from the daemon.
func (a *admission) refusedTLS(to, name, want string) {
	a.t.Helper()
	conn := a.dial(to, name)
	_ = conn.SetReadDeadline(time.Now().Add(wait.Patience))
	if _, err := conn.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), want) {
		a.t.Errorf("%s with the certificate %q: %v, want %s", to, name, err, want)
	}
}

// refusedPlain sends lines without TLS, and waits until the daemon closes the connection.
func (a *admission) refusedPlain(to string) {
	a.t.Helper()
	conn, err := net.Dial("tcp", a.at[to])
	if err != nil {
		a.t.Fatal(err)
	}
	defer conn.Close()
	a.send(conn, "bad:1|c\nbad:1|c\n")
	_ = conn.SetReadDeadline(time.Now().Add(wait.Patience))
	if _, err := io.Copy(io.Discard, conn); os.IsTimeout(err) {
		a.t.Errorf("%s keeps a connection without TLS", to)
	}
}

// openssl sends lines with the program openssl, if it is installed.
func (a *admission) openssl() {
	a.t.Helper()
	program, err := exec.LookPath("openssl")
	if err != nil || os.Getenv("COUNTERPARTS") == "none" {
		return
	}
	for i, version := range []string{"-tls1_2", "-tls1_3"} {
		cmd := exec.Command(program, "s_client", "-quiet", "-verify_return_error", "-connect", a.at["tls"], "-CAfile", a.authority.File, version)
		in, err := cmd.StdinPipe()
		if err != nil {
			a.t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			a.t.Fatal(err)
		}
		_, _ = io.WriteString(in, "by.openssl:1|c\n")
		a.await("by.openssl", float64(i)+1)
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// TestAdmissionRotation changes the certificate, the keys, the addresses and the names with reloads. One
// connection stays open during the whole test.
func TestAdmissionRotation(t *testing.T) {
	t.Parallel()
	a := startAdmission(t)
	serial := func(c *tls.Conn) string { return c.ConnectionState().PeerCertificates[0].SerialNumber.String() }
	live := a.dial("named", "web1")
	a.send(live, "live:1|c\n")
	a.await("live", 1)

	// Change the certificate, the keys and the names.
	cert, key := a.authority.Issue("127.0.0.1")
	a.write("server.pem", a.read(cert))
	a.write("server.key", a.read(key))
	a.write("keys", secondKey+"\n"+firstKey+"\n")
	a.configure("127.0.0.0/8", "db*")
	a.reload("settings reloaded")
	if next := a.dial("tls", ""); serial(next) == serial(live) {
		t.Error("the new certificate is not used")
	}
	a.send(live, "live:1|c\n")
	a.await("live", 2)
	a.refusedTLS("named", "web1", "bad certificate")
	a.send(a.dial("named", "db1"), "renamed:1|c\n")
	a.await("renamed", 1)
	a.datagrams("signed", sign(firstKey, "old:1|c", 0), sign(secondKey, "new:1|c", 0))
	a.await("old", 1)
	a.await("new", 1)

	// Change the addresses, and remove the old key. After the reload, the daemon must still refuse a repeated
	// datagram that it received before the reload.
	again := sign(secondKey, "again:1|c", 0)
	a.datagrams("signed", again)
	a.await("again", 1)
	a.write("keys", secondKey+"\n")
	a.configure("10.0.0.0/8", "db*")
	a.reload("settings reloaded")
	a.datagrams("signed", again, sign(firstKey, "old:2|c", 0), sign(secondKey, "new:1|c", time.Second))
	a.await("new", 2)
	a.refusedPlain("near")

	// A reload with invalid files must change nothing.
	a.write("keys", "short\n")
	a.reload("reload failed")
	a.write("keys", secondKey+"\n")
	a.write("server.key", "nonsense")
	a.reload("reload failed")
	a.write("server.key", a.read(key))
	a.datagrams("signed", sign(secondKey, "new:1|c", 2*time.Second))
	a.await("new", 3)

	// Changed settings that need a restart must be logged.
	text := a.read(a.config)
	a.write("statsd.conf", strings.Replace(text, "?name=near&allow=10.0.0.0/8", "?name=near", 1))
	a.reload("--listen")
	a.refusedPlain("near")
	a.write("statsd.conf", text)

	a.send(live, "live:1|c\n")
	a.await("live", 3)
	a.stop()
	for name, n := range map[string]float64{
		"signed.old_key": 1, "signed.replayed": 1, "signed.bad_auth": 1, "near.denied": 2, "named.bad_name": 1, "named.connections": 3,
	} {
		if got := a.figure("listen." + name); got != n {
			t.Errorf("%s is %v, want %v", name, got, n)
		}
	}
	if a.count("old") != 1 || a.count("again") != 1 {
		t.Errorf("old counts %v, again %v", a.count("old"), a.count("again"))
	}
	for line := range strings.Lines(a.log.String()) {
		if strings.Contains(line, "reload failed") && !strings.Contains(line, "keys: ") && !strings.Contains(line, "cert: ") {
			t.Errorf("a failed reload does not name its setting: %s", line)
		}
	}
}

// TestAdmissionSettings checks the error messages for invalid URLs of listeners.
func TestAdmissionSettings(t *testing.T) {
	authority := counterpart.NewAuthority(t)
	cert, key := authority.Issue("127.0.0.1")
	_, other := authority.Issue("other")
	keys := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keys, []byte(firstKey), 0o600); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(t.TempDir(), "open")
	if err := os.WriteFile(open, []byte(firstKey), 0o644); err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]string{
		"udp://:1?allow=":                                                 "allow: the list has an empty entry",
		"udp://:1?allow=10.0.0.1/8":                                       "allow: \"10.0.0.1/8\" has non-zero bits after its prefix",
		"tcp://:1?allow=localhost":                                        "is not an address",
		"unixgram:///run/a?allow=::1":                                     `unixgram:// has no setting "allow"`,
		"unix:///run/a?allow=::1":                                         `unix:// has no setting "allow"`,
		"tcp://:1?cert=" + cert:                                           `tcp:// has no setting "cert"`,
		"udp://:1?keys=" + keys:                                           `udp:// has no setting "keys"`,
		"tcp+tls://:1":                                                    "needs a certificate and its key",
		"tcp+tls://:1?cert=" + cert:                                       "needs a certificate and its key",
		"tcp+tls://:1?cert=" + cert + "&key=" + other:                     "private key does not match",
		"tcp+tls://:1?cert=/none&key=" + key:                              "cert: open /none: no such file",
		"tcp+tls://:1?cert=" + cert + "&key=" + key + "&allow-name=[":     "allow-name: \"[\" is not a pattern",
		"tcp+tls://:1?cert=" + cert + "&key=" + key + "&allow-name=a":     "allow-name: needs client-ca too",
		"tcp+tls://:1?cert=" + cert + "&key=" + key + "&client-ca=" + key: "client-ca: " + key + " has no certificate",
		"udp+hmac://:1":                                                   "needs a file of keys",
		"udp+hmac://:1?keys=/none":                                        "keys: open /none: no such file",
		"udp+hmac://:1?keys=" + open:                                      "chmod 600",
		"udp+hmac://:1?keys=" + keys + "&drift=1ms":                       "drift 1ms: must be between 1s and 10m",
		"udp+hmac://:1?keys=" + keys + "&drift=0":                         "drift: must be more than 0",
	} {
		err := problemsOf([]string{"--listen", url})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "--listen") || strings.Contains(err.Error(), firstKey) {
			t.Errorf("%s: got %v, want %q", url, err, want)
		}
	}
	for _, url := range []string{
		"udp://:1?allow=10.0.0.0/8,::1", "tcp://:1?allow=10.1.2.3&max=5", "udp+hmac://:1?keys=" + keys + "&drift=10m&allow=::/0&receivers=2",
		"tcp+tls://:1?cert=" + cert + "&key=" + key + "&client-ca=" + authority.File + "&allow-name=a*,b&allow=::1&idle=1m",
	} {
		if err := problemsOf([]string{"--listen", url}); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// TestLastingURL checks which parts of a listener's URL need a restart when they change.
func TestLastingURL(t *testing.T) {
	for url, want := range map[string]string{
		"udp://:1":                         "udp://:1",
		"udp://:1?name=a":                  "udp://:1?name=a",
		"udp://:1?allow=10.0.0.0/8":        "udp://:1?allow",
		"udp://:1?name=a&%61llow=::1&max=": "udp://:1?name=a&allow&max=",
		"tcp+tls://h:1?cert=a&key=b&client-ca=c&allow-name=d&name=e": "tcp+tls://h:1?name=e",
		"udp+hmac://:1?keys=a":          "udp+hmac://:1",
		"udp+hmac://:1?keys=a&drift=2s": "udp+hmac://:1?drift=2s",
	} {
		if got := (&door{url: url}).lasting(); got != want {
			t.Errorf("%s lasts as %s, want %s", url, got, want)
		}
	}
}
