package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/sockets"
)

// fileOf returns a duplicate of a socket, as a descriptor that a daemon can inherit.
func fileOf(t testing.TB, socket any) *os.File {
	t.Helper()
	file, err := socket.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// given is a TCP and a UDP socket on the same port. They stay open when a daemon ends.
type given struct {
	t   testing.TB
	tcp *net.TCPListener
	udp *net.UDPConn
}

func newGiven(t testing.TB) *given {
	t.Helper()
	address := counterpart.FreeAddress(t).String()
	tcp, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	udp, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	g := &given{t, tcp.(*net.TCPListener), udp.(*net.UDPConn)}
	if err := g.udp.SetReadBuffer(8 << 20); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = tcp.Close(), udp.Close() })
	return g
}

func (g *given) files() []*os.File { return []*os.File{fileOf(g.t, g.tcp), fileOf(g.t, g.udp)} }

// traffic sends datagrams and opens connections until halt is closed.
type traffic struct {
	*given
	halt                   chan struct{}
	sending                sync.WaitGroup
	datagrams, connections int
}

func (tr *traffic) start() {
	tr.halt = make(chan struct{})
	tr.sending.Go(func() { tr.each(100*time.Microsecond, tr.sendDatagram(), &tr.datagrams) })
	tr.sending.Go(func() { tr.each(2*time.Millisecond, tr.connect, &tr.connections) })
}

func (tr *traffic) each(pause time.Duration, do func() error, count *int) {
	for tick := time.Tick(pause); ; *count++ {
		select {
		case <-tick:
		case <-tr.halt:
			return
		}
		if err := do(); err != nil {
			tr.t.Error(err)
			return
		}
	}
}

func (tr *traffic) sendDatagram() func() error {
	conn, err := net.Dial("udp", tr.udp.LocalAddr().String())
	if err != nil {
		tr.t.Fatal(err)
	}
	tr.t.Cleanup(func() { _ = conn.Close() })
	port := tr.udp.LocalAddr().(*net.UDPAddr).Port
	return func() error {
		// While no daemon reads, the datagrams must fit into the socket's buffer, so the sender waits
		// when the buffer fills.
		for tr.datagrams%20 == 0 {
			if state, err := sockets.On("udp", port); err != nil || state.Queued < 50_000 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		_, err := conn.Write([]byte("datagrams:1|c"))
		return err
	}
}

func (tr *traffic) connect() error {
	conn, err := net.Dial("tcp", tr.tcp.Addr().String())
	if err != nil {
		return err
	}
	if tr.connections%40 == 0 { // this client waits before it sends, and a daemon may end during that time
		time.Sleep(150 * time.Millisecond)
	}
	_, err = fmt.Fprintln(conn, "connections:1|c")
	return errors.Join(err, conn.Close())
}

// One daemon after another uses the same inherited sockets. No datagram and no connection is lost.
func TestSuccessorsLoseNothing(t *testing.T) {
	t.Parallel()
	tr := &traffic{given: newGiven(t)}
	tr.start()
	total := map[string]float64{}
	for successors := 4; ; successors-- {
		cfg := config()
		cfg.Sockets = tr.files()
		d := start(t, cfg)
		if successors > 0 {
			eventually(t, "nothing comes in", func() bool { return figureOf(t, d.Server, "pending_stats") > 200 })
		} else {
			close(tr.halt)
			tr.sending.Wait()
			missing := float64(tr.datagrams+tr.connections) - total["counters.datagrams"] - total["counters.connections"]
			eventually(t, fmt.Sprintf("not all of the %v samples left come in", missing), func() bool {
				return figureOf(t, d.Server, "pending_stats") >= missing
			})
		}
		d.stop()
		for path, n := range d.totals() {
			total[path] += n
		}
		total["packets"] += figureOf(t, d.Server, "udp.packets")
		if successors == 0 {
			break
		}
	}
	if got, want := total["counters.datagrams"], float64(tr.datagrams); got != want {
		t.Errorf("%v datagrams, want %v", got, want)
	}
	if got, want := total["packets"], float64(tr.datagrams); got != want {
		t.Errorf("%v packets were counted, want %v", got, want)
	}
	if got, want := total["counters.connections"], float64(tr.connections); got != want {
		t.Errorf("%v connections, want %v", got, want)
	}
}

// A daemon that inherits only one of its two sockets binds the other one on the same port.
func TestSocketsGivenInPart(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"tcp", "udp"} {
		g := newGiven(t)
		cfg := config()
		want, other := g.tcp.Addr().String(), "udp"
		if network == "tcp" {
			cfg.Sockets = []*os.File{fileOf(t, g.tcp)}
			_ = g.udp.Close()
		} else {
			cfg.Sockets = []*os.File{fileOf(t, g.udp)}
			_, other = g.tcp.Close(), "tcp"
		}
		d := start(t, cfg)
		if got := d.Addr().String(); got != want {
			t.Errorf("%s given: bound %s, want %s", network, got, want)
		}
		send(t, d.dial(network), "given:1|c\n")
		send(t, d.dial(other), "bound:1|c\n")
		eventually(t, "samples are missing", func() bool { return figureOf(t, d.Server, "pending_stats") == 2 })
		d.stop()
	}
}

func TestSocketsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	g := newGiven(t)
	connection, err := net.Dial("tcp", g.tcp.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	text, err := os.Open("inherit_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for want, sockets := range map[string][]*os.File{
		"it is a connection; it must be a listening":                   {fileOf(t, connection)},
		"inherited as inherit_test.go: socket operation on non-socket": {text},
	} {
		cfg := config()
		cfg.Sockets = append(sockets, fileOf(t, g.udp))
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		for _, file := range cfg.Sockets {
			if file.Close() == nil {
				t.Errorf("%q: a socket stays open", want)
			}
		}
	}
}
