package hostile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kolo/xmlrpc"
	"golang.org/x/sys/unix"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/sockets"
	"github.com/statsd-ops/statsd/internal/wait"
)

// program and asker are the paths of statsd and statsdmonitor. They are built without the race
// detector, because the race detector needs additional memory.
var program, asker string

func TestMain(m *testing.M) {
	if os.Getenv(besiegedEnv) != "" {
		besiegeAsked()
		return
	}
	if !soak.All() { // a quick run skips the tests that need the programs
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "hostile")
	if err == nil {
		program, asker = filepath.Join(dir, "statsd"), filepath.Join(dir, "statsdmonitor")
		err = counterpart.Build(dir, "statsd", "statsdmonitor")
	}
	code := 1
	if err == nil {
		wait.Beside()
		code = m.Run()
	} else {
		fmt.Fprintln(os.Stderr, err)
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// sideBySide skips a test in a quick run. In make test it runs the test in parallel with others.
// Runs that measure exact bounds run one test at a time.
func sideBySide(t *testing.T) {
	t.Helper()
	soak.Slow(t)
	if !soak.On() {
		t.Parallel()
	}
}

// inTime fails the test if something took longer than the parameter limit, but only in a run that
// measures exact bounds. In other runs, the machine may be busy.
func inTime(t testing.TB, what string, took, limit time.Duration) {
	t.Helper()
	if soak.On() && took > limit {
		t.Errorf("%s took %v, want at limit %v", what, took, limit)
	}
}

// bound returns the limit for a measured value. In a run that measures exact bounds, the limit is the value of the
// parameter exact. In other runs, it is ten times this value, because tests run in parallel.
func bound(exact float64) float64 {
	if soak.On() {
		return exact
	}
	return 10 * exact
}

// statsd is a daemon that runs until the test ends.
type statsd struct {
	*carbon  // the receiver of the daemon's points; nil if the test has another sink
	t        testing.TB
	cmd      *exec.Cmd
	interval time.Duration
	address  string
	monitor  string
	profiles string
	log      *log
	before   float64 // peak of the resident memory (VmHWM) before the test sends samples
}

// start runs a daemon that publishes to a carbon, with additional flags.
func start(t testing.TB, interval time.Duration, flags ...string) *statsd {
	t.Helper()
	c := newCarbon(t)
	d := startTo(t, c.listener.Addr().String(), interval, append([]string{"--graphite-keep-open"}, flags...)...)
	d.carbon = c
	return d
}

// startTo runs a daemon that publishes to the given sink.
func startTo(t testing.TB, sink string, interval time.Duration, flags ...string) *statsd {
	t.Helper()
	return run(t, command(sink, interval, flags...), interval)
}

// command returns the command of a daemon that publishes to a sink.
func command(sink string, interval time.Duration, flags ...string) *exec.Cmd {
	host, port, _ := net.SplitHostPort(sink)
	return exec.Command(program, append([]string{
		"--name=127.0.0.1", "--port=0", "--log-format=json", "--pprof=127.0.0.1:0", "--flush-interval=" + interval.String(),
		"--graphite-host=" + host, "--graphite-port=" + port,
	}, flags...)...)
}

// run runs the command of a daemon.
func run(t testing.TB, cmd *exec.Cmd, interval time.Duration) *statsd {
	t.Helper()
	d := &statsd{t: t, cmd: cmd, interval: interval, log: &log{}}
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.stop)
	eventually(t, "statsd is not ready", func() bool { return d.log.find(`"monitor":"([^"]*)"`) != "" })
	d.address, d.monitor = d.log.find(`"address":"([^"]*)","flush`), d.log.find(`"monitor":"([^"]*)"`)
	d.profiles = d.log.find(`"address":"([^"]*)","time":"[^"]*","message":"serving profiles`)
	if d.address == "" || d.profiles == "" {
		t.Fatalf("the log lacks an address:\n%s", d.log)
	}
	return d
}

// stop ends the daemon with SIGTERM, once.
func (d *statsd) stop() {
	d.t.Helper()
	if d.cmd.ProcessState != nil {
		return
	}
	d.signal(syscall.SIGTERM)
	killed := time.AfterFunc(wait.Patience, func() { _ = d.cmd.Process.Kill() })
	defer killed.Stop()
	if err := d.cmd.Wait(); err != nil {
		d.t.Errorf("statsd ended: %v; the log says:\n%s", err, d.log)
	}
}

func (d *statsd) signal(s syscall.Signal) {
	if err := d.cmd.Process.Signal(s); err != nil {
		d.t.Errorf("signal %v: %v", s, err)
	}
}

func (d *statsd) dial(network string) net.Conn {
	d.t.Helper()
	conn, err := net.Dial(network, d.address)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (d *statsd) send(conn net.Conn, text []byte) {
	d.t.Helper()
	if _, err := conn.Write(text); err != nil {
		d.t.Fatal(err)
	}
}

// figures asks the monitor for the figures, and checks that all samples and points are accounted
// for.
func (d *statsd) figures() map[string]float64 {
	d.t.Helper()
	figures, err := d.ask(http.DefaultClient)
	if err != nil {
		d.t.Fatalf("istats: %v; the log says:\n%s", err, d.log)
	}
	d.balance(figures)
	return figures
}

// ask asks the monitor for the figures.
func (d *statsd) ask(client *http.Client) (figures map[string]float64, err error) {
	response, err := client.Post("http://"+d.monitor, "text/xml", strings.NewReader("<methodCall><methodName>istats</methodName></methodCall>"))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	var text string
	if err := xmlrpc.Response(body).Unmarshal(&text); err != nil {
		return nil, err
	}
	return figures, json.Unmarshal([]byte(text), &figures)
}

// balance checks that all samples and points are accounted for.
func (d *statsd) balance(f map[string]float64) {
	d.t.Helper()
	if in, out := f["samples.received"], f["samples.aggregated"]+f["metrics.discarded"]+f["samples.refused"]; in != out {
		d.t.Errorf("%v samples received, %v accounted for", in, out)
	}
	for name := range f {
		points, isSink := strings.CutSuffix(name, "made")
		if !isSink {
			continue
		}
		in, out := f[points+"made"]+f[points+"recovered"], f[points+"delivered"]+f[points+"queued"]+f[points+"spooled"]+f[points+"dropped"]
		if in != out {
			d.t.Errorf("%s: %v points made, %v accounted for", points, in, out)
		}
	}
}

// await waits until a figure has a value and returns all figures.
func (d *statsd) await(name string, value float64) map[string]float64 {
	d.t.Helper()
	var f map[string]float64
	deadline := time.Now().Add(wait.Patience)
	for f = d.figures(); f[name] != value; f = d.figures() {
		if time.Now().After(deadline) {
			d.t.Fatalf("%s is %v, want %v; the log says:\n%s", name, f[name], value, d.log)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return f
}

// awaitRead waits until the daemon has read all datagrams.
func (d *statsd) awaitRead() {
	d.t.Helper()
	_, port, _ := net.SplitHostPort(d.address)
	n, _ := strconv.Atoi(port)
	eventually(d.t, "datagrams are not read", func() bool {
		state, err := sockets.On("udp", n)
		if err != nil {
			d.t.Fatal(err)
		}
		return state.Queued == 0
	})
}

// memory returns a field of /proc/PID/status in bytes: VmRSS is the resident memory, VmHWM its
// peak.
func (d *statsd) memory(name string) float64 {
	d.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		d.t.Fatal(err)
	}
	fields := regexp.MustCompile(name + `:\s*(\d+) kB`).FindSubmatch(status)
	if fields == nil {
		d.t.Fatalf("no %s in\n%s", name, status)
	}
	kb, _ := strconv.ParseFloat(string(fields[1]), 64)
	return 1024 * kb
}

// cpu returns the processor time used so far.
func (d *statsd) cpu() time.Duration {
	d.t.Helper()
	var used unix.Timespec
	// This is the clock of the other process: see clock_getcpuclockid(3).
	if err := unix.ClockGettime(int32(^d.cmd.Process.Pid<<3|2), &used); err != nil {
		d.t.Fatal(err)
	}
	return time.Duration(used.Nano())
}

// resources returns the number of goroutines and the number of open descriptors.
func (d *statsd) resources() (goroutines, files int) {
	d.t.Helper()
	response, err := http.Get("http://" + d.profiles + "/debug/pprof/goroutine?debug=1")
	if err != nil {
		d.t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := fmt.Fscanf(response.Body, "goroutine profile: total %d", &goroutines); err != nil {
		d.t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", d.cmd.Process.Pid))
	if err != nil {
		d.t.Fatal(err)
	}
	return goroutines, len(entries)
}

func eventually(t testing.TB, complaint string, ok func() bool) {
	t.Helper()
	wait.Until(t, complaint, ok)
}

// isCut reports whether the daemon closes conn before the given time.
func isCut(conn net.Conn, until time.Time) bool {
	_ = conn.SetReadDeadline(until)
	_, err := conn.Read(make([]byte, 1))
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

// log collects the daemon's log.
type log struct{ counterpart.Output }

// find returns the first group of a pattern's match, or "".
func (l *log) find(pattern string) string {
	if found := regexp.MustCompile(pattern).FindStringSubmatch(l.String()); found != nil {
		return found[1]
	}
	return ""
}
