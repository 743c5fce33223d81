package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

// The keys that a central daemon shares with its edge daemons.
const (
	oldShared = "the old key that all of them share"
	newShared = "the new key that all of them share"
)

// central is a daemon with --collect, with its files and its Graphite server.
type central struct {
	*running
	graphite *sinktest.Server
	dir      string
	at       string
	edges    int
}

// prepareCentral creates the directory of a central daemon.
func prepareCentral(t *testing.T) *central {
	t.Helper()
	return &central{running: &running{t: t}, graphite: sinktest.NewServer(t), dir: t.TempDir(), at: counterpart.FreeAddress(t).String()}
}

// file writes a file for the central daemon or an edge daemon, and returns its path.
func (c *central) file(name, text string) string {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// start starts the central daemon. query is the query string of the --collect URL.
func (c *central) start(scheme, query string) {
	c.t.Helper()
	c.running = startDaemon(c.t, "--flush-interval=250ms", "--collect="+scheme+"://"+c.at+"?"+query, "--collect-id=central",
		"--spool-dir="+filepath.Join(c.dir, "spool"), "--monitor-port=off", "--counters-prefix=",
		"--graphite-host=127.0.0.1", fmt.Sprint("--graphite-port=", c.graphite.Port()))
}

// edge starts an edge daemon. query is the query string of the --forward URL.
func (c *central) edge(scheme, query string) *running {
	c.t.Helper()
	c.edges++
	return startDaemon(c.t, "--flush-interval=250ms", "--monitor-port=off",
		"--forward="+scheme+"://"+c.at+"?"+query, fmt.Sprint("--forward-id=edge", c.edges))
}

// joins checks that the central daemon accepts an edge daemon.
func (c *central) joins(scheme, query string) {
	c.t.Helper()
	e := c.edge(scheme, query)
	e.await("joined the cluster")
	e.stop()
}

// refuses checks that the central daemon refuses an edge daemon, and counts the refusal. The log of the edge daemon
// must match ofEdge, and the log of the central daemon must match ofCentral, unless ofCentral is empty. The central
// daemon logs at most one refusal a minute, so a log line about an earlier refusal is enough.
func (c *central) refuses(scheme, query, ofEdge, ofCentral string) {
	c.t.Helper()
	before := c.refused()
	e := c.edge(scheme, query)
	e.await(ofEdge)
	if ofCentral != "" {
		c.await(ofCentral)
	}
	wait.Until(c.t, "the refusal is not counted: "+ofEdge, func() bool { return c.refused() > before })
	e.stop()
}

// refused returns the number of refused connections in the points that the central daemon sent to Graphite.
func (c *central) refused() float64 {
	points := c.graphite.PointsOf("statsd.collect.edges.refused")
	if len(points) == 0 {
		return 0
	}
	return points[len(points)-1].Value
}

// await waits until a log line matches the pattern.
func (d *running) await(pattern string) {
	d.t.Helper()
	d.awaitLog("(" + pattern + ")")
}

// TestCentralKeys connects edge daemons with the right key and with a wrong key. It replaces the
// key while the daemons run.
func TestCentralKeys(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	c := prepareCentral(t)
	keys, theirs := c.file("keys", oldShared+"\n"), c.file("edge.keys", "# shared\n"+oldShared+"\n")
	c.start("statsd", "keys="+keys)
	c.joins("statsd", "keys="+theirs)
	c.refuses("statsd", "keys="+c.file("other", "a key that is none of theirs\n"), "not among the central daemon's keys", "its key is not among this central daemon's keys")
	c.refuses("statsd", "", "the central daemon requires a key, and this daemon has no key", "")

	// First add the new key at the central daemon, then replace the key of the edge daemons, and then remove the old key.
	c.file("keys", newShared+"\n"+oldShared+"\n")
	c.signal(syscall.SIGHUP)
	c.joins("statsd", "keys="+theirs)
	c.file("edge.keys", newShared+"\n")
	c.joins("statsd", "keys="+theirs)
	c.file("keys", newShared+"\n")
	c.signal(syscall.SIGHUP)
	c.joins("statsd", "keys="+theirs)
	c.refuses("statsd", "keys="+c.file("old", oldShared+"\n"), "not among the central daemon's keys", "")

	// A reload must report an invalid file.
	if err := os.Chmod(keys, 0o644); err != nil {
		t.Fatal(err)
	}
	c.signal(syscall.SIGHUP)
	c.await(`--collect .*: keys: .*chmod 600`)
	c.refuses("statsd", "keys="+theirs, "the central daemon cannot read its keys", "")
	c.stop()
}

// TestCentralAllow checks that the central daemon refuses an edge daemon if its address is not in
// the list of the setting allow.
func TestCentralAllow(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	c := prepareCentral(t)
	c.start("statsd", "allow=10.0.0.0/8,::1")
	c.refuses("statsd", "", "its log says why; perhaps it does not allow this address", `refused the edge daemon at 127\.0\.0\.1:\d+: its address is not in the list of the setting allow`)
	c.stop()
}

// opensslFiles creates certificate authorities and certificates with the program openssl.
type opensslFiles struct {
	t   *testing.T
	dir string
}

func (o *opensslFiles) run(args ...string) {
	o.t.Helper()
	cmd := exec.Command(counterpart.Find(o.t, "openssl"), args...)
	cmd.Dir = o.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		o.t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// authority creates an authority in the files NAME.pem and NAME.key.
func (o *opensslFiles) authority(name string) {
	o.run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN="+name, "-keyout", name+".key", "-out", name+".pem")
}

// issue creates a certificate in the files NAME.pem and NAME.key. names are for example DNS:web1 or IP:127.0.0.1.
func (o *opensslFiles) issue(authority, name, names string) {
	o.run("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN="+name, "-addext", "subjectAltName="+names, "-keyout", name+".key", "-out", name+".csr")
	o.run("x509", "-req", "-in", name+".csr", "-CA", authority+".pem", "-CAkey", authority+".key", "-days", "1", "-copy_extensions", "copyall", "-out", name+".pem")
}

// TestCentralTLS connects edge daemons over TLS. openssl created the certificates. The test
// replaces the certificate of the central daemon.
func TestCentralTLS(t *testing.T) {
	t.Parallel()
	c := prepareCentral(t)
	o := &opensslFiles{t, c.dir}
	in := func(name string) string { return filepath.Join(c.dir, name) }
	own := func(name string) string { return "&cert=" + in(name+".pem") + "&key=" + in(name+".key") }
	o.authority("ours")
	o.authority("other")
	o.issue("ours", "central", "IP:127.0.0.1")
	o.issue("ours", "web1", "DNS:web1")
	o.issue("ours", "db1", "DNS:db1")
	o.issue("other", "stranger", "DNS:web2")
	keys := "&keys=" + c.file("keys", oldShared+"\n")
	c.start("statsd+tls", "client-ca="+in("ours.pem")+"&allow-name=web*"+own("central")+keys)
	ca := "ca=" + in("ours.pem")
	c.joins("statsd+tls", ca+own("web1")+keys)
	c.refuses("statsd+tls", ca+keys, "the central daemon refuses this daemon's certificate, requires a certificate", "it has no certificate, and the setting client-ca requires one")
	c.refuses("statsd+tls", ca+own("stranger")+keys, "the central daemon refuses this daemon's certificate", "")
	c.refuses("statsd+tls", ca+own("db1")+keys, "the central daemon refuses this daemon's certificate", "")
	c.refuses("statsd+tls", ca+own("web1")+"&keys="+c.file("wrong", "a key that is none of theirs\n"), "not among the central daemon's keys", "")
	c.refuses("statsd+tls", "ca="+in("other.pem")+own("web1")+keys, "certificate signed by unknown authority", "")
	c.refuses("statsd", strings.TrimPrefix(keys, "&"), `its log says why; perhaps it does not allow this address, or requires statsd\+tls://`, "")
	for version, want := range map[string]bool{"-tls1_1": false, "-tls1_2": true, "-tls1_3": true} {
		// Without SECLEVEL=0, openssl itself refuses the old version of TLS.
		cmd := exec.Command(counterpart.Find(t, "openssl"), "s_client", "-connect", c.at, "-CAfile", in("ours.pem"), "-cert", in("web1.pem"), "-key", in("web1.key"), "-cipher", "DEFAULT@SECLEVEL=0", version)
		out, err := cmd.CombinedOutput()
		if got := err == nil && strings.Contains(string(out), "Verify return code: 0 (ok)"); got != want {
			t.Errorf("%s: %v\n%s", version, err, out)
		}
	}

	// Change to a certificate of another authority, which new edge daemons trust. After that, an invalid file must change
	// nothing.
	o.issue("other", "central", "IP:127.0.0.1")
	c.signal(syscall.SIGHUP)
	c.joins("statsd+tls", "ca="+in("other.pem")+own("web1")+keys)
	c.file("central.pem", "nothing")
	c.signal(syscall.SIGHUP)
	c.await(`--collect .*: cert: .*central\.pem`)
	c.joins("statsd+tls", "ca="+in("other.pem")+own("web1")+keys)
	c.stop()
}

// TestCollectURL checks that invalid URLs for --collect are refused.
func TestCollectURL(t *testing.T) {
	t.Parallel()
	authority := counterpart.NewAuthority(t)
	cert, key := authority.Issue("127.0.0.1")
	pair := "cert=" + cert + "&key=" + key
	short := write(t, "short", "too short\n")
	if err := os.Chmod(short, 0o600); err != nil {
		t.Fatal(err)
	}
	open := write(t, "open", oldShared)
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"statsd://:1?cert=a":                             `statsd:// has no setting "cert"`,
		"statsd://:1?allow=10.0.0.1/8":                   "has non-zero bits after its prefix",
		"statsd://:1?keys=" + short:                      "keys: " + short + ": line 1: the key has 9 bytes, and must have between 16",
		"statsd://:1?keys=" + open:                       "chmod 600",
		"statsd+tls://:1":                                "needs cert and key",
		"statsd+tls://:1?" + pair + "&ca=x":              `statsd+tls:// has no setting "ca"`,
		"statsd+tls://:1?" + pair + "&allow-name=web*":   "allow-name: needs client-ca too",
		"statsd+tls://:1?" + pair + "&client-ca=" + key:  "has no certificate in PEM",
		"statsd+tls://:1?cert=" + key + "&key=" + key:    "cert: ",
		"statsd+tls://:1?cert=/none&key=" + key:          "cert: open /none: no such file",
		"statsd+tls://:1?" + pair + "&allow-name=%5Bx":   "allow-name",
		"statsd+tls://:1?" + pair + "&insecure":          `has no setting "insecure"`,
		"statsd://:1?" + strings.Repeat("allow=::1&", 2): "is set twice",
		"statsd://:1?keys=/none":                         "keys: open /none: no such file",
	} {
		err := problemsOf([]string{"--spool-dir", t.TempDir(), "--collect", query})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "--collect") || strings.Contains(err.Error(), oldShared) {
			t.Errorf("%s: got %v, want %q", query, err, want)
		}
	}
}
