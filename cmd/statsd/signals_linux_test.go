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
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
)

// target takes what a daemon publishes, and notes when.
type target struct {
	t      *testing.T
	addr   *net.TCPAddr
	mu     sync.Mutex
	points []published
}

type published struct {
	path  string
	value float64
	time  int64
	came  time.Time
}

func newTarget(t *testing.T) *target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &target{t: t, addr: l.Addr().(*net.TCPAddr)}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.take(conn)
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		serving.Wait()
	})
	return c
}

// take reads a connection to its end; closing it then says that all was read.
func (c *target) take(conn net.Conn) {
	defer conn.Close()
	text, err := io.ReadAll(conn)
	if err != nil {
		return // it comes again
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for line := range strings.Lines(string(text)) {
		p := published{came: time.Now()}
		if _, err := fmt.Sscan(line, &p.path, &p.value, &p.time); err != nil {
			c.t.Errorf("published %q: %v", line, err)
		}
		c.points = append(c.points, p)
	}
}

// of returns the points of a path.
func (c *target) of(path string) []published {
	return c.where(func(p published) bool { return p.path == path })
}

// where returns the points of which want is true.
func (c *target) where(want func(published) bool) (points []published) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.points {
		if want(p) {
			points = append(points, p)
		}
	}
	return points
}

// await waits for n points of a path.
func (c *target) await(path string, n int) []published {
	c.t.Helper()
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		points := c.of(path)
		if len(points) >= n {
			return points
		}
		if time.Now().After(until) {
			c.t.Fatalf("%d points of %s, want %d", len(points), path, n)
		}
	}
}

// running is a daemon that was started as a command.
type running struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  counterpart.Output
	port string
}

// startDaemon starts statsd.
func startDaemon(t *testing.T, args ...string) *running {
	t.Helper()
	return startCommand(t, "statsd", append([]string{"-p", "0", "-n", "127.0.0.1"}, args...)...)
}

// startCommand starts this program under a command's name, which is what makes it be the
// command: see TestMain.
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

// awaitLog waits until the log has a match, and returns its first group.
func (d *running) awaitLog(pattern string) string {
	d.t.Helper()
	expression := regexp.MustCompile(pattern)
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
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

// stop ends the daemon, which must take it well.
func (d *running) stop() {
	d.t.Helper()
	d.signal(syscall.SIGTERM)
	if err := d.cmd.Wait(); err != nil {
		d.t.Fatalf("%v; the log says:\n%s", err, &d.log)
	}
}

// sendEach sends a line each millisecond, until the function is called that it returns,
// which says how many.
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

// A process that was stopped for seconds goes on with the next boundary: one flush
// for all that it missed, and no time twice.
func TestSoakStoppedProcess(t *testing.T) {
	t.Parallel()
	c := newTarget(t)
	d := startDaemon(t, "--graphite-host=127.0.0.1", fmt.Sprint("--graphite-port=", c.addr.Port), "--flush-interval=1s", "--counters-prefix=")
	stop := d.sendEach("tcp", "hits:1|c\n")
	before := len(c.await("hits", 1))
	d.signal(syscall.SIGSTOP)
	time.Sleep(2200 * time.Millisecond) // over two boundaries
	d.signal(syscall.SIGCONT)
	c.await("hits", before+3)
	sent := stop()
	d.stop()

	total := 0.0
	for _, p := range c.of("hits") {
		total += p.value
	}
	if total != float64(sent) {
		t.Errorf("%v hits, want %d", total, sent)
	}
	points, skipped := c.of("statsd.numStats"), int64(0) // each flush has one
	for i, p := range points[1:] {
		last := points[i]
		if p.time <= last.time {
			t.Errorf("a point at %d comes after one at %d", p.time, last.time)
		}
		skipped += p.time - last.time - 1
		// Two flushes come close together where the first was late, and no third with them.
		if i > 0 && i < len(points)-2 && p.came.Sub(points[i-1].came) < 500*time.Millisecond {
			t.Errorf("three flushes within %v", p.came.Sub(points[i-1].came))
		}
	}
	if skipped == 0 {
		t.Error("no boundary was passed over: what was missed is not made up for")
	}
	now := time.Now().Unix()
	if last := points[len(points)-1].time; last > now+1 {
		t.Errorf("the last point is at %d, it is %d now", last, now)
	}
	soak.Row(t, "process stopped for 2.2 s, with a flush interval of 1 s",
		fmt.Sprintf("no time twice, %d boundaries passed over, no burst; all of %d samples published", skipped, sent), "the same")
}

// Traffic that comes in while the configuration is changed all the time, the
// sink with it, is all published once.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	targets := []*target{newTarget(t), newTarget(t)}
	config := filepath.Join(t.TempDir(), "statsd.conf")
	configure := func(i int) {
		text := fmt.Sprintf("graphite-host 127.0.0.1\ngraphite-port %d\npct %d\nmax-names %d\n", targets[i%2].addr.Port, 10+i, 1000+i)
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
		for until := time.Now().Add(20 * time.Second); strings.Count(d.log.String(), "were read again") < i; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(until) {
				t.Fatalf("no reload; the log says:\n%s", &d.log)
			}
		}
		time.Sleep(200 * time.Millisecond) // of traffic
	}
	sent := stop[0]() + stop[1]()
	d.stop()
	total := 0.0
	for i, c := range targets {
		points := c.of("hits")
		if len(points) == 0 {
			t.Errorf("nothing came to sink %d", i)
		}
		for _, p := range points {
			total += p.value / 4 // it is a rate per second
		}
	}
	if total != float64(sent) {
		t.Errorf("%v hits, want %d", total, sent)
	}
}
