package cluster

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/cluster/nodes"
	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
)

var (
	// programs builds the commands of this source tree once, and returns their directory.
	programs = sync.OnceValues(func() (string, error) { return build("./cmd/statsd", "./cmd/statsdmonitor") })
	// next is like programs, but builds a daemon that uses the next version of the message format (partial.Version).
	next = sync.OnceValues(func() (string, error) { return build("-tags", "nextversion", "./cmd/statsd") })
)

// built contains the directories that build has made.
var (
	building sync.Mutex
	built    []string
)

// build builds commands into a new directory.
func build(args ...string) (dir string, err error) {
	if dir, err = os.MkdirTemp("", "statsd-cluster-"); err != nil {
		return "", err
	}
	building.Lock()
	built = append(built, dir)
	building.Unlock()
	cmd := exec.Command("go", append([]string{"build", "-o", dir + "/"}, args...)...)
	cmd.Dir = nodes.Tree()
	if out, err := cmd.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return dir, nil
}

// TestMain sets the number of parallel tests to three. Most tests wait most of the time, and each
// of them runs about ten processes. The flag -parallel has priority.
func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "3") // ignore the error, because every test program has this flag
	code := m.Run()
	for _, dir := range built {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

func program(t testing.TB, name string) string {
	t.Helper()
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// daemon is a statsd process that the test can stop and start again.
type daemon struct {
	t       testing.TB
	name    string
	addr    netip.AddrPort // address for sending samples
	monitor string
	program string
	args    []string
	log     string
	cmd     *exec.Cmd
	exited  chan struct{}
}

// newDaemon starts a daemon with these flags. The daemon is stopped at the end of the test.
func newDaemon(t testing.TB, name string, args ...string) *daemon {
	t.Helper()
	addr := counterpart.FreeAddress(t)
	monitor := netip.AddrPortFrom(addr.Addr(), addr.Port()+1)
	d := &daemon{t: t, name: name, program: program(t, "statsd"), addr: addr, monitor: monitor.String(), log: filepath.Join(t.TempDir(), name+".log")}
	d.args = append([]string{
		"--name", addr.Addr().String(), "--port", fmt.Sprint(addr.Port()), "--monitor-port", fmt.Sprint(monitor.Port()),
		"--flush-interval", interval.String(), "--naming", "etsy", "--metadata-prefix", "own." + name,
	}, args...)
	d.start()
	t.Cleanup(func() {
		d.kill()
		if t.Failed() {
			t.Logf("the end of what %s said:\n%s", name, last(d.said(), 6000))
		}
	})
	return d
}

func last(text string, n int) string { return text[max(0, len(text)-n):] }

func (d *daemon) said() string {
	text, err := os.ReadFile(d.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// start starts the daemon. It does not wait until the daemon is ready.
func (d *daemon) start() {
	d.t.Helper()
	log, err := os.OpenFile(d.log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(d.program, d.args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = filepath.Dir(d.log)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // kill the daemon if the test process ends
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	exited := make(chan struct{})
	d.cmd, d.exited = cmd, exited
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
}

// await waits until the daemon is ready to receive samples.
func (d *daemon) await() {
	d.t.Helper()
	for deadline := time.Now().Add(wait.Patience); !d.ready(); time.Sleep(20 * time.Millisecond) {
		select {
		case <-d.exited:
			d.t.Fatalf("%s has ended:\n%s", d.name, d.said())
		default:
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("%s is not ready:\n%s", d.name, d.said())
		}
	}
}

func (d *daemon) ready() bool {
	answer, err := http.Get("http://" + d.monitor + "/readyz")
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

var pendingStats = regexp.MustCompile(`"pending_stats":(\d+)`)

// pending asks the daemon how many samples it has received since its last flush.
func (d *daemon) pending(deadline time.Time) (n int, err error) {
	client := http.Client{Timeout: max(time.Until(deadline), time.Millisecond), Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Post("http://"+d.monitor+"/RPC2", "text/xml", strings.NewReader("<methodCall><methodName>istats</methodName></methodCall>"))
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	found := pendingStats.FindSubmatch(body)
	if found == nil {
		return 0, fmt.Errorf("istats has no pending_stats: %s", body)
	}
	return strconv.Atoi(string(found[1]))
}

func (d *daemon) signal(s os.Signal) {
	if err := d.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		d.t.Error(err)
	}
}

// kill ends the daemon with kill -9.
func (d *daemon) kill() {
	d.signal(syscall.SIGKILL)
	<-d.exited
}

// stop ends the daemon with SIGTERM.
func (d *daemon) stop() {
	d.t.Helper()
	d.signal(syscall.SIGTERM)
	select {
	case <-d.exited:
	case <-time.After(wait.Patience):
		d.t.Errorf("%s does not end:\n%s", d.name, d.said())
		d.kill()
	}
}

func (d *daemon) freeze() { d.signal(syscall.SIGSTOP) }
func (d *daemon) thaw()   { d.signal(syscall.SIGCONT) }

// natsURL returns the URL of a cluster for --forward or --collect.
func natsURL(servers []string, role string) string {
	return "nats://" + strings.Join(servers, ",") + "?nkey=" + nodes.Key(role)
}

// command runs one of the commands in this source tree.
func command(t testing.TB, name string, args ...string) (string, error) {
	t.Helper()
	out, err := exec.Command(program(t, name), args...).CombinedOutput()
	return string(out), err
}
