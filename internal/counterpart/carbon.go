package counterpart

import (
	"crypto/sha256"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Carbon runs Debian's carbon-cache (graphite-carbon) for one test. It has its own ports and
// directory, and stores one point per second for an hour.
type Carbon struct {
	// Addr is the "host:port" of carbon's line receiver. It does not change on a restart.
	Addr string
	// PickleAddr is the "host:port" of carbon's pickle receiver.
	PickleAddr string

	t       testing.TB
	web     string // URL of the graphite-web where carbon registers tagged series, or ""
	program string
	dir     string
	process *process // nil while carbon is stopped
}

// StartCarbon starts a carbon-cache, and stops it at the end of the test.
func StartCarbon(t testing.TB) *Carbon {
	t.Helper()
	return startCarbon(t, "")
}

func startCarbon(t testing.TB, web string) *Carbon {
	t.Helper()
	c := &Carbon{t: t, web: web, program: Find(t, "carbon-cache"), dir: t.TempDir()}
	Find(t, python)
	c.configure()
	t.Cleanup(c.Kill)
	c.Start()
	return c
}

// Start starts carbon again after Stop or Kill. It returns when carbon listens.
func (c *Carbon) Start() {
	c.t.Helper()
	c.process = start(c.t, "carbon-cache", c.dir, exec.Command(c.program, "--config="+filepath.Join(c.dir, "conf", "carbon.conf"),
		"--pidfile="+filepath.Join(c.dir, "pid"), "--logfile=-", "--nodaemon", "start"))
	c.process.await(func() bool { return listens(c.t, c.Addr) && listens(c.t, c.PickleAddr) })
}

// Stop ends carbon with SIGTERM. Carbon may lose the points of the last second, as with Kill,
// because its writer thread does not wake up for a SIGTERM.
func (c *Carbon) Stop() { c.end(syscall.SIGTERM) }

// Kill ends carbon with SIGKILL.
func (c *Carbon) Kill() { c.end(syscall.SIGKILL) }

// Signal sends carbon a signal such as SIGSTOP or SIGCONT.
func (c *Carbon) Signal(sig os.Signal) {
	c.t.Helper()
	if err := c.process.cmd.Process.Signal(sig); err != nil {
		c.t.Fatal(err)
	}
}

func (c *Carbon) end(sig syscall.Signal) {
	c.t.Helper()
	if c.process == nil {
		return
	}
	_ = c.process.end(sig) // the error says only that the signal ended carbon
	c.process = nil
}

const python = "/usr/bin/python3" // Debian's whisper module is installed for this interpreter

const fetchScript = `
import sys, whisper
(start, end, step), values = whisper.fetch(sys.argv[1], int(sys.argv[2]) - 1, int(sys.argv[3]))
for i, value in enumerate(values):
    if value is not None:
        print(start + i * step, repr(value))
`

// Fetch reads the points of a path from the whisper file of this path, keyed by Unix second. from and until are the
// first and the last Unix second of the range. Carbon creates the file a second or two after the first point arrives.
// Before that, Fetch returns no points.
func (c *Carbon) Fetch(path string, from, until int64) map[int64]float64 {
	c.t.Helper()
	points := map[int64]float64{}
	file := filepath.Join(c.dir, "storage", "whisper", whisperFile(path))
	if info, err := os.Stat(file); err != nil || info.Size() == 0 {
		return points
	}
	out, err := exec.Command(python, "-c", fetchScript, file, strconv.FormatInt(from, 10), strconv.FormatInt(until, 10)).CombinedOutput()
	if err != nil {
		c.t.Fatalf("reading %s: %v:\n%s", file, err, out)
	}
	for line := range strings.Lines(string(out)) {
		var at int64
		var value float64
		if _, err := fmt.Sscan(line, &at, &value); err != nil {
			c.t.Fatalf("reading %s: line %q: %v", file, line, err)
		}
		points[at] = value
	}
	return points
}

// whisperFile returns the path of a series' whisper file. The path of a tagged series contains a
// hash of its name.
func whisperFile(path string) string {
	if strings.Contains(path, ";") {
		hash := fmt.Sprintf("%x", sha256.Sum256([]byte(path)))
		return filepath.Join("_tagged", hash[:3], hash[3:6], hash) + ".wsp"
	}
	return filepath.Join(strings.Split(path, ".")...) + ".wsp"
}

// configure selects carbon's ports and writes carbon's configuration files.
func (c *Carbon) configure() {
	c.t.Helper()
	first := FreeAddress(c.t)
	ports := [3]string{}
	for i := range ports {
		ports[i] = strconv.Itoa(int(first.Port()) + i)
	}
	c.Addr, c.PickleAddr = net.JoinHostPort("127.0.0.1", ports[0]), net.JoinHostPort("127.0.0.1", ports[1])
	settings := strings.NewReplacer("$DIR", c.dir, "$LINE", ports[0], "$PICKLE", ports[1], "$QUERY", ports[2],
		"$TAGS", map[bool]string{true: "True", false: "False"}[c.web != ""], "$WEB", c.web)
	for _, dir := range []string{"conf", "storage/whisper", "log"} {
		if err := os.MkdirAll(filepath.Join(c.dir, dir), 0o700); err != nil {
			c.t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"carbon.conf":              settings.Replace(carbonConf),
		"storage-schemas.conf":     "[all]\npattern = .*\nretentions = 1s:1h\n",
		"storage-aggregation.conf": "[all]\npattern = .*\nxFilesFactor = 0\naggregationMethod = last\n",
	} {
		if err := os.WriteFile(filepath.Join(c.dir, "conf", name), []byte(text), 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
}

// With carbon's defaults, it would listen on all interfaces, run as another user, and delay the
// creation of new series.
const carbonConf = `[cache]
STORAGE_DIR = $DIR/storage/
LOCAL_DATA_DIR = $DIR/storage/whisper/
WHITELISTS_DIR = $DIR/conf/
CONF_DIR = $DIR/conf/
LOG_DIR = $DIR/log/
PID_DIR = $DIR/
USER =
MAX_CACHE_SIZE = inf
MAX_UPDATES_PER_SECOND = 10000
MAX_CREATES_PER_MINUTE = inf
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = $LINE
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_PORT = $PICKLE
CACHE_QUERY_INTERFACE = 127.0.0.1
CACHE_QUERY_PORT = $QUERY
ENABLE_UDP_LISTENER = False
LOG_UPDATES = False
WHISPER_FALLOCATE_CREATE = False
CARBON_METRIC_INTERVAL = 0
ENABLE_TAGS = $TAGS
GRAPHITE_URL = $WEB
`
