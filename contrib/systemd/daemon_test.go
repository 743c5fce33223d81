package systemd_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/sockets"
	"github.com/statsd-ops/statsd/internal/wait"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// process is a running daemon, or a program that will exec the daemon.
type process struct {
	t       *testing.T
	command *exec.Cmd
	log     counterpart.Output // log output so far
	ended   chan error
}

func start(t *testing.T, command *exec.Cmd) *process {
	t.Helper()
	d := &process{t: t, command: command, ended: make(chan error, 1)}
	command.Stdout, command.Stderr = &d.log, &d.log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { d.ended <- command.Wait() }()
	t.Cleanup(func() { _ = command.Process.Kill() })
	return d
}

// suspend suspends the process with SIGSTOP, and waits until all its threads are stopped.
func (d *process) suspend() {
	d.t.Helper()
	d.signal(syscall.SIGSTOP)
	wait.Until(d.t, "the process is not suspended", func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", d.command.Process.Pid))
		if err != nil || len(threads) == 0 {
			d.t.Fatal("no threads: ", err)
		}
		return !slices.ContainsFunc(threads, func(path string) bool {
			stat, err := os.ReadFile(path)
			return err == nil && !strings.Contains(string(stat), ") T ") // a thread that has ended has no file
		})
	})
}

func (d *process) signal(s os.Signal) {
	d.t.Helper()
	if err := d.command.Process.Signal(s); err != nil {
		d.t.Fatal(err)
	}
}

// stop sends the daemon SIGTERM. The daemon must exit with status 0.
func (d *process) stop() {
	d.t.Helper()
	d.signal(syscall.SIGTERM)
	d.wait()
}

func (d *process) wait() {
	d.t.Helper()
	select {
	case err := <-d.ended:
		if err != nil {
			d.t.Fatalf("%v; the log says:\n%s", err, &d.log)
		}
	case <-time.After(patience):
		d.t.Fatalf("it does not end; the log says:\n%s", &d.log)
	}
}

func (d *process) awaitLog(text string) {
	d.t.Helper()
	wait.Until(d.t, "the log does not say "+text, func() bool { return strings.Contains(d.log.String(), text) })
}

// manager is the socket on which a service manager receives the state reports of daemons.
type manager struct {
	t    *testing.T
	path string
	conn *net.UnixConn
}

func newManager(t *testing.T) *manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &manager{t, path, conn}
}

// next returns the next report. It returns "" if no report comes within the duration wait.
func (m *manager) next(wait time.Duration) string {
	m.t.Helper()
	if err := m.conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		m.t.Fatal(err)
	}
	b := make([]byte, 4096)
	n, err := m.conn.Read(b)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		m.t.Fatal(err)
	}
	return string(b[:n])
}

// drain discards the reports that are waiting. It uses no deadline, because a deadline can pass before a read begins.
func (m *manager) drain() {
	m.t.Helper()
	raw, err := m.conn.SyscallConn()
	if err != nil {
		m.t.Fatal(err)
	}
	var empty error
	if err := raw.Control(func(fd uintptr) {
		for b := make([]byte, 4096); empty == nil; {
			_, _, empty = syscall.Recvfrom(int(fd), b, syscall.MSG_DONTWAIT)
		}
	}); err != nil || !errors.Is(empty, syscall.EAGAIN) {
		m.t.Fatal(err, empty)
	}
}

// await waits for a report of this state, and returns the whole report. It skips watchdog reports.
func (m *manager) await(state string) string {
	m.t.Helper()
	for {
		switch told := m.next(patience); {
		case strings.HasPrefix(told, state):
			return told
		case told != "WATCHDOG=1":
			m.t.Fatalf("reported %q, want %s", told, state)
		}
	}
}

// holder keeps sockets open for successive daemons, as systemd does.
type holder struct {
	tcp *net.TCPListener
	udp *net.UDPConn
}

func newHolder(t *testing.T) *holder {
	t.Helper()
	address := counterpart.FreeAddress(t).String()
	tcp, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tcp.Close() })
	udp, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = udp.Close() })
	return &holder{tcp.(*net.TCPListener), udp.(*net.UDPConn)}
}

// start starts a daemon that inherits the sockets.
func (h *holder) start(t *testing.T, m *manager, args []string) *process {
	t.Helper()
	tcp, err := h.tcp.File()
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	udp, err := h.udp.File()
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	// LISTEN_PID must be the process id of the daemon. Only a shell that then execs the daemon knows
	// this id in advance.
	script := append([]string{"-c", `export LISTEN_PID=$$; exec "$@"`, "sh", binary}, args...)
	command := exec.Command("sh", script...)
	command.ExtraFiles = []*os.File{tcp, udp}
	command.Env = append(os.Environ(), "LISTEN_FDS=2", "LISTEN_FDNAMES=statsd.socket:statsd.socket", "NOTIFY_SOCKET="+m.path)
	return start(t, command)
}

// connect opens a new connection and sends a line.
func (h *holder) connect(line string) error {
	conn, err := net.Dial("tcp", h.tcp.Addr().String())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(conn, line)
	return errors.Join(err, conn.Close())
}

// load sends traffic while daemons are restarted.
type load struct {
	holder                 *holder
	cancel                 context.CancelFunc
	sending                sync.WaitGroup
	more                   chan struct{} // receives a value each time that traffic was sent
	datagrams, connections int
}

func (h *holder) send(t *testing.T) *load {
	t.Helper()
	conn, err := net.Dial("udp", h.udp.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{holder: h, cancel: cancel, more: make(chan struct{})}
	each := func(pause time.Duration, count *int, do func() error) {
		for ; ctx.Err() == nil; *count++ {
			if err := do(); err != nil {
				t.Error(err)
				return
			}
			time.Sleep(pause)
		}
	}
	port := h.udp.LocalAddr().(*net.UDPAddr).Port
	l.sending.Go(func() {
		defer conn.Close()
		each(4*time.Millisecond, &l.datagrams, func() error {
			// The traffic during a restart must fit into the smallest receive buffer. So wait until the
			// datagrams are read.
			wait.Until(t, "nothing reads the datagrams", func() bool {
				state, err := sockets.On("udp", port)
				return err != nil || state.Queued < 50_000
			})
			_, err := io.WriteString(conn, "datagrams:1|c")
			return err
		})
	})
	l.sending.Go(func() {
		each(5*time.Millisecond, &l.connections, func() error {
			select {
			case l.more <- struct{}{}:
			default:
			}
			return h.connect("connections:1|c\nraised:+1|g")
		})
	})
	return l
}

// some waits until more traffic was sent.
func (l *load) some() {
	for range 50 {
		<-l.more
	}
}

func (l *load) stop() {
	l.cancel()
	l.sending.Wait()
}
