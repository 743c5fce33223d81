package hostile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
)

const (
	senders   = 10  // clients over UDP, each with its own IP address
	perPacket = 20  // samples in each datagram of a client
	hotNames  = 500 // names that the clients over UDP use
)

// operated is a daemon with traffic, two sinks and a webhook. The tests query it with
// statsdmonitor.
type operated struct {
	*statsd
	whole   *testing.T // the whole test, which is still valid when a subtest has ended
	names   int
	dir     string
	archive *revivable
	bad     atomic.Int32 // number of the client that also sends bad lines; 0 for none
	sent    atomic.Int64 // number of samples sent over UDP and TCP
	hot     [hotNames]atomic.Int64
	refused atomic.Int32 // the webhook still refuses this number of messages about a failing sink
	traffic sync.WaitGroup
	ending  chan struct{}
}

// operate starts a daemon with names and traffic. Half of the samples come from ten clients over
// UDP, which use a few hot names. The other half comes over TCP, and uses all names one after
// another.
func operate(t *testing.T) *operated {
	o := &operated{whole: t, names: soak.Pick(50_000, 2_000_000), dir: t.TempDir(), ending: make(chan struct{})}
	o.archive = revive(t)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), `"reason":"sink_failing"`) && o.refused.Add(-1) >= 0 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(hook.Close)
	interval := soak.Pick(2*time.Second, 10*time.Second)
	c := newCarbon(t)
	o.configure(t, "max-set-members 50\n")
	cmd := command(c.listener.Addr().String(), interval, "--config="+o.config(), "--expire=100000", "--udp-buffer=256KiB", "--queue-max-bytes=1GiB", "--notify-webhook="+hook.URL, "--sink=graphite://"+o.archive.address+"?name=archive")
	cmd.Env = append(os.Environ(), "STATSD_DAEMON_MAX_NAMES="+fmt.Sprint(2*o.names))
	o.statsd = run(t, cmd, interval)
	o.carbon = c
	stream := o.dial("tcp")
	o.write(stream, "canary.mean:1|c\n", 1) // canary.mean must be the first name, because only the first names get a history
	o.await("names", 1)
	o.flood(stream, o.names, func(w io.Writer, i int) { _, _ = io.WriteString(w, o.name(i)) })
	o.sent.Add(int64(o.names))
	o.traffic.Go(func() { o.each(func(n int) { o.write(stream, o.batch(n), soak.Pick(200, 2_000)+1) }) })
	for i := range senders {
		conn := o.client(i + 1)
		o.traffic.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			zipf := rand.NewZipf(r, 1.2, 1, hotNames-1)
			o.each(func(int) {
				for range soak.Pick(1, 10) {
					o.write(conn, o.datagram(i+1, zipf), perPacket)
				}
			})
		})
	}
	t.Cleanup(o.quiet)
	eventually(t, "the names do not come", func() bool { return o.figures()["names"] >= float64(o.names) })
	return o
}

func (o *operated) config() string { return filepath.Join(o.dir, "statsd.conf") }

func (o *operated) configure(t *testing.T, text string) {
	if err := os.WriteFile(o.config(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// name returns a line with the i-th name.
func (o *operated) name(i int) string { return fmt.Sprintf("fleet.rack%d.host%d:1|c\n", i%100, i) }

// session writes a line with a name that is used only once.
func (o *operated) session(w io.Writer, i int) { fmt.Fprintf(w, "checkout.session.%d:1|c\n", i) }

// batch returns n lines with the next names, and a line for the canary.
func (o *operated) batch(n int) string {
	var b strings.Builder
	lines := soak.Pick(200, 2_000)
	for i := range lines {
		b.WriteString(o.name((n*lines + i) % o.names))
	}
	return b.String() + "canary.mean:1|c\n"
}

// datagram returns lines with hot names. If the client is bad, its last line is bad.
func (o *operated) datagram(client int, zipf *rand.Zipf) string {
	lines := make([]string, perPacket)
	for i := range lines {
		n := zipf.Uint64()
		lines[i] = fmt.Sprintf("hot.n%d:1|c", n)
		if i == perPacket-1 && int(o.bad.Load()) == client {
			lines[i] = "php.err:1,5|ms"
			continue
		}
		o.hot[n].Add(1)
	}
	return strings.Join(lines, "\n")
}

// each calls f 50 times a second until the traffic ends.
func (o *operated) each(f func(n int)) {
	ticks := time.NewTicker(20 * time.Millisecond)
	defer ticks.Stop()
	for n := 0; ; n++ {
		select {
		case <-ticks.C:
			f(n)
		case <-o.ending:
			return
		}
	}
}

// quiet stops the traffic.
func (o *operated) quiet() {
	select {
	case <-o.ending:
	default:
		close(o.ending)
	}
	o.traffic.Wait()
}

// client connects from its own IP address.
func (o *operated) client(i int) net.Conn {
	o.t.Helper()
	from := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.IPv4(127, 0, 1, byte(i))}}
	conn, err := from.Dial("udp", o.address)
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// write sends lines. It reports errors to o.whole, because its caller may run longer than a
// subtest.
func (o *operated) write(conn net.Conn, text string, samples int) {
	if _, err := io.WriteString(conn, text); err != nil {
		o.whole.Errorf("send: %v", err)
		return
	}
	o.sent.Add(int64(samples))
}

// answer is the common part of all answers of statsdmonitor --json.
type answer struct {
	Data json.RawMessage `json:"data"`
}

// ask runs statsdmonitor, and returns its output and its exit status.
func (o *operated) ask(args ...string) (string, int) {
	o.t.Helper()
	args = append(args, "--at="+o.monitor)
	if !soak.On() {
		args = append(args, "--timeout="+wait.Patience.String())
	}
	begun := time.Now()
	out, err := exec.Command(asker, args...).Output()
	took := time.Since(begun)
	inTime(o.t, "statsdmonitor "+strings.Join(args, " "), took, 10*time.Second)
	o.t.Logf("statsdmonitor %s: %.2f s", strings.Join(args, " "), took.Seconds())
	exit, ok := errors.AsType[*exec.ExitError](err)
	if err != nil && !ok {
		o.t.Fatal(err)
	}
	if ok {
		return string(out) + string(exit.Stderr), exit.ExitCode()
	}
	return string(out), 0
}

// data sends a query, and decodes the data of the answer.
func data[T any](o *operated, args ...string) (into T) {
	o.t.Helper()
	text, code := o.ask(append(args, "--json")...)
	var a answer
	err := json.Unmarshal([]byte(text), &a)
	if err == nil {
		err = json.Unmarshal(a.Data, &into)
	}
	if err != nil {
		o.t.Fatalf("statsdmonitor %s exits %d: %v\n%s", strings.Join(args, " "), code, err, text)
	}
	return into
}

// revivable is a sink that can stop and start again at the same address.
type revivable struct {
	t       testing.TB
	address string
	serving sync.WaitGroup
	mu      sync.Mutex
	open    []io.Closer
}

func revive(t testing.TB) *revivable {
	r := &revivable{t: t, address: counterpart.FreeAddress(t).String()}
	r.start()
	t.Cleanup(r.stop)
	return r
}

func (r *revivable) start() {
	r.t.Helper()
	l, err := net.Listen("tcp", r.address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.add(l)
	r.serving.Go(func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			r.add(conn)
			r.serving.Go(func() { _, _ = io.Copy(io.Discard, conn); _ = conn.Close() })
		}
	})
}

func (r *revivable) add(c io.Closer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = append(r.open, c)
}

// stop closes the listener and all open connections.
func (r *revivable) stop() {
	r.mu.Lock()
	for _, c := range r.open {
		_ = c.Close()
	}
	r.open = nil
	r.mu.Unlock()
	r.serving.Wait()
}
