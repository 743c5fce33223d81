package sinktest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/ports"
	"github.com/statsd-ops/statsd/internal/wait"
)

// Server receives lines over TCP on a loopback port that is reserved for it. Its
// methods may be called from any goroutine.
type Server struct {
	t    testing.TB
	addr string
	wg   sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener // nil while stopped
	sessions map[*session]struct{}
	fault    func(connection int) Fault
	accepted []*Connection
	lines    []string // complete lines
	changed  chan struct{}
}

// Connection holds the data of one connection.
type Connection struct {
	Lines []string  // complete lines, without their ends
	Whole bool      // whether the sender closed it and everything was read
	Last  time.Time // when the last bytes came
}

// NewServer starts a Server. It stops at the end of the test.
func NewServer(t testing.TB) *Server {
	t.Helper()
	port, release, err := ports.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	s := &Server{t: t, addr: fmt.Sprintf("127.0.0.1:%d", port), sessions: map[*session]struct{}{}, changed: make(chan struct{})}
	s.Set(Fault{})
	s.Start()
	t.Cleanup(s.Stop)
	return s
}

// Addr returns the "host:port". It stays the same over Stop and Start.
func (s *Server) Addr() string { return s.addr }

// Start listens again after Stop, on the same port.
func (s *Server) Start() {
	s.t.Helper()
	var listener net.Listener
	wait.Until(s.t, "listen on "+s.addr, func() (ok bool) {
		var err error
		listener, err = net.Listen("tcp", s.addr) // a child process that was just started may hold the port for a moment
		return err == nil
	})
	s.mu.Lock()
	s.listener = listener
	s.mu.Unlock()
	s.wg.Go(func() { s.accept(listener) })
}

// Stop closes the port, so that connections are refused, and resets the open connections. It returns when reading has
// ended.
func (s *Server) Stop() {
	s.mu.Lock()
	if s.listener != nil {
		_ = s.listener.Close()
		s.listener = nil
	}
	s.mu.Unlock()
	s.Cut()
	s.wg.Wait()
}

// Set applies a fault to connections from now on.
func (s *Server) Set(f Fault) { s.SetEach(func(int) Fault { return f }) }

// SetEach sets faults that depend on the number of the connection. The first connection has number 0.
func (s *Server) SetEach(fault func(connection int) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// Cut resets all open connections.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.sessions {
		c.reset()
	}
}

// Lines returns the complete lines received, without their ends, as they came.
func (s *Server) Lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lines)
}

// Accepted returns how many connections were accepted.
func (s *Server) Accepted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.accepted)
}

// Connections returns the data of each connection.
func (s *Server) Connections() []Connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	connections := make([]Connection, len(s.accepted))
	for i, c := range s.accepted {
		connections[i] = *c
	}
	return connections
}

// Port returns the port of Addr.
func (s *Server) Port() int {
	_, port, _ := net.SplitHostPort(s.addr)
	n, _ := strconv.Atoi(port)
	return n
}

// Forget drops the lines received so far.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = nil
	for _, c := range s.accepted {
		c.Lines = nil
	}
}

// Wait waits until at least n lines were received, but not longer than patience. It
// returns all lines.
func (s *Server) Wait(n int, patience time.Duration) []string {
	s.await(patience, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.lines) >= n
	})
	return s.Lines()
}

// await checks enough at each change, and gives up after patience.
func (s *Server) await(patience time.Duration, enough func() bool) {
	timeout := time.After(patience)
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if enough() {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			return
		}
	}
}

func (s *Server) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				s.t.Errorf("accept: %v", err)
			}
			return
		}
		c := &session{TCPConn: conn.(*net.TCPConn), came: &Connection{}, cut: make(chan struct{})}
		s.mu.Lock()
		fault := s.fault(len(s.accepted))
		s.accepted = append(s.accepted, c.came)
		s.sessions[c] = struct{}{}
		if s.listener != listener { // the Server was stopped meanwhile
			c.reset()
		}
		s.announce()
		s.mu.Unlock()
		s.wg.Go(func() {
			s.serve(c, fault)
			s.mu.Lock()
			delete(s.sessions, c)
			s.mu.Unlock()
			_ = c.Close()
		})
	}
}

// keep adds the complete lines of data from c and returns the rest.
func (s *Server) keep(c *Connection, data []byte, whole bool) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.Whole, c.Last = whole, time.Now()
	for {
		line, rest, found := bytes.Cut(data, []byte("\n"))
		if !found {
			s.announce()
			return data
		}
		s.lines = append(s.lines, string(line))
		c.Lines = append(c.Lines, s.lines[len(s.lines)-1])
		data = rest
	}
}

// announce wakes everything that waits. The caller holds mu.
func (s *Server) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}
