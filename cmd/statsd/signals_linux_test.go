package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

// running is a daemon in a separate process.
type running struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  counterpart.Output
	port string
}

func startDaemon(t *testing.T, args ...string) *running {
	t.Helper()
	return startCommand(t, "statsd", append([]string{"-p", "0", "-n", "127.0.0.1"}, args...)...)
}

// startCommand starts the test program under the name of a command. The test program then runs as
// this command: see TestMain.
func startCommand(t *testing.T, name string, args ...string) *running {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name = filepath.Join(t.TempDir(), name)
	if err := os.Symlink(self, name); err != nil {
		t.Fatal(err)
	}
	d := &running{t: t, cmd: exec.Command(name, append(args, "--log-format", "json")...)}
	d.cmd.Stderr = &d.log
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.cmd.Process.Kill() })
	d.port = d.awaitLog(`"address":"127.0.0.1:(\d+)"`)
	return d
}

// awaitLog waits until the log matches the pattern, and returns the first group of the match.
func (d *running) awaitLog(pattern string) string {
	d.t.Helper()
	expression := regexp.MustCompile(pattern)
	for until := time.Now().Add(wait.Patience); ; time.Sleep(5 * time.Millisecond) {
		if match := expression.FindStringSubmatch(d.log.String()); match != nil {
			return match[len(match)-1]
		}
		if time.Now().After(until) {
			d.t.Fatalf("no %s in the log:\n%s", pattern, &d.log)
		}
	}
}

func (d *running) signal(s os.Signal) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		d.t.Fatal(err)
	}
}

// stop stops the daemon, and checks that its exit status is 0.
func (d *running) stop() {
	d.t.Helper()
	d.signal(syscall.SIGTERM)
	if err := d.cmd.Wait(); err != nil {
		d.t.Fatalf("%v; the log says:\n%s", err, &d.log)
	}
}

// sendEach sends a line each millisecond. The function stop ends the sending, and returns the
// number of sent lines.
func (d *running) sendEach(network, line string) (stop func() int) {
	d.t.Helper()
	conn, err := net.Dial(network, "127.0.0.1:"+d.port)
	if err != nil {
		d.t.Fatal(err)
	}
	halt, sent := make(chan struct{}), make(chan int)
	go func() {
		defer conn.Close()
		for n := 0; ; n++ {
			select {
			case <-halt:
				sent <- n
				return
			case <-time.After(time.Millisecond):
			}
			if _, err := io.WriteString(conn, line); err != nil {
				d.t.Errorf("send over %s: %v", network, err)
			}
		}
	}()
	return func() int {
		close(halt)
		return <-sent
	}
}

// TestSoakStoppedProcess stops a daemon for a few seconds with SIGSTOP. After SIGCONT, the next flush must be at the
// next regular flush time, and contain all lines of the missed time. No flush time may be used twice.
func TestSoakStoppedProcess(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	c := sinktest.NewServer(t)
	d := startDaemon(t, "--graphite-host=127.0.0.1", fmt.Sprint("--graphite-port=", c.Port()), "--flush-interval=1s", "--counters-prefix=")
	stop := d.sendEach("tcp", "hits:1|c\n")
	before := len(c.WaitOf("hits", 1, patience))
	d.signal(syscall.SIGSTOP)
	time.Sleep(2200 * time.Millisecond) // longer than two flush intervals
	d.signal(syscall.SIGCONT)
	c.WaitOf("hits", before+3, patience)
	sent := stop()
	d.stop()

	total := 0.0
	for _, p := range c.PointsOf("hits") {
		total += p.Value
	}
	if total != float64(sent) {
		t.Errorf("%v hits, want %d", total, sent)
	}
	flushes, points := c.Connections(), c.PointsOf("statsd.numStats") // each flush publishes this point once
	if len(points) != len(flushes) {
		t.Fatalf("%d flushes, with %d points of statsd.numStats", len(flushes), len(points))
	}
	skipped := int64(0)
	for i, p := range points[1:] {
		last := points[i]
		if p.Time <= last.Time {
			t.Errorf("a point at %d comes after one at %d", p.Time, last.Time)
		}
		skipped += p.Time - last.Time - 1
		// Two flushes may be close together if the earlier flush was late. Three flushes must not be
		// close together.
		if soak.On() && i > 0 && i < len(points)-2 && flushes[i+1].Last.Sub(flushes[i-1].Last) < 500*time.Millisecond {
			t.Errorf("three flushes within %v", flushes[i+1].Last.Sub(flushes[i-1].Last))
		}
	}
	if skipped == 0 {
		t.Error("no boundary was skipped: the missed flushes were made up for")
	}
	now := time.Now().Unix()
	if last := points[len(points)-1].Time; last > now+1 {
		t.Errorf("the last point is at %d, it is %d now", last, now)
	}
	soak.Row(t, "process stopped for 2.2 s, with a flush interval of 1 s",
		fmt.Sprintf("no time published twice, %d boundaries skipped, no burst of flushes; all of %d samples published", skipped, sent), "the same")
}

// TestReloadUnderLoad changes the configuration and the sinks all the time. Each received line must be published
// exactly once.
func TestReloadUnderLoad(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	targets := []*sinktest.Server{sinktest.NewServer(t), sinktest.NewServer(t)}
	config := filepath.Join(t.TempDir(), "statsd.conf")
	configure := func(i int) {
		text := fmt.Sprintf("graphite-host 127.0.0.1\ngraphite-port %d\npct %d\nmax-names %d\n", targets[i%2].Port(), 10+i, 1000+i)
		beside := config + ".new"
		if err := errors.Join(os.WriteFile(beside, []byte(text), 0o600), os.Rename(beside, config)); err != nil {
			t.Fatal(err)
		}
	}
	configure(0)
	d := startDaemon(t, "--config", config, "--flush-interval=250ms", "--counters-prefix=", "--monitor-port=off")
	stop := []func() int{d.sendEach("tcp", "hits:1|c\n"), d.sendEach("udp", "hits:1|c\n")}
	const changes = 12
	for i := 1; i <= changes; i++ {
		configure(i)
		d.signal(syscall.SIGHUP)
		for until := time.Now().Add(wait.Patience); strings.Count(d.log.String(), "settings reloaded") < i; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(until) {
				t.Fatalf("no reload; the log says:\n%s", &d.log)
			}
		}
		time.Sleep(200 * time.Millisecond) // receive lines between two reloads
	}
	sent := stop[0]() + stop[1]()
	d.stop()
	total := 0.0
	for i, c := range targets {
		points := c.PointsOf("hits")
		if len(points) == 0 {
			t.Errorf("nothing came to sink %d", i)
		}
		for _, p := range points {
			total += p.Value / 4 // convert the rate per second to a count
		}
	}
	if total != float64(sent) {
		t.Errorf("%v hits, want %d", total, sent)
	}
}
