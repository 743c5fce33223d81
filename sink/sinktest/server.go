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

// Server receives lines over TCP on a reserved loopback port. It is safe for concurrent use.
type Server struct {
	t    testing.TB
	addr string
	wg   sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener // nil while the Server is stopped
	sessions map[*session]struct{}
	fault    func(connection int) Fault
	accepted []*Connection
	lines    []string // complete lines of all connections
	changed  chan struct{}
}

// Connection contains the received data of one connection.
type Connection struct {
	Lines []string  // complete lines, without line ends
	Whole bool      // the sender closed the connection, and all data was read
	Last  time.Time // time of the last read with data
}

// NewServer starts a Server, and stops it at the end of the test.
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

// Addr returns the Server's "host:port". It does not change after Stop and Start.
func (s *Server) Addr() string { return s.addr }

// Start listens again on the same port after Stop.
func (s *Server) Start() {
	s.t.Helper()
	var listener net.Listener
	wait.Until(s.t, "listen on "+s.addr, func() (ok bool) {
		var err error
		listener, err = net.Listen("tcp", s.addr) // can fail for a moment, while a forked child process still holds the old socket
		return err == nil
	})
	s.mu.Lock()
	s.listener = listener
	s.mu.Unlock()
	s.wg.Go(func() { s.accept(listener) })
}

// Stop closes the listener, so that new connections are refused. It also resets the open connections, and waits
// until no goroutine reads from them.
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

// Set sets the fault for all new connections.
func (s *Server) Set(f Fault) { s.SetEach(func(int) Fault { return f }) }

// SetEach sets a fault that depends on the number of the connection. The first connection has the number 0.
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

// Lines returns all complete lines in the order of arrival, without line ends.
func (s *Server) Lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lines)
}

// Accepted returns the number of accepted connections.
func (s *Server) Accepted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.accepted)
}

// Connections returns the received data of each connection.
func (s *Server) Connections() []Connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	connections := make([]Connection, len(s.accepted))
	for i, c := range s.accepted {
		connections[i] = *c
	}
	return connections
}

// Port returns the port number in Addr.
func (s *Server) Port() int {
	_, port, _ := net.SplitHostPort(s.addr)
	n, _ := strconv.Atoi(port)
	return n
}

// Forget removes all lines that were received so far.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = nil
	for _, c := range s.accepted {
		c.Lines = nil
	}
}

// Wait waits until at least n lines were received, but not longer than the parameter patience. It
// returns all lines.
func (s *Server) Wait(n int, patience time.Duration) []string {
	s.await(patience, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.lines) >= n
	})
	return s.Lines()
}

// await waits until enough() returns true, but not longer than the parameter patience. It calls
// enough() at the start and after each change.
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
		if s.listener != listener { // the Server was stopped in the meantime
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

// keep adds the complete lines in data to c. It returns the incomplete line at the end.
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

// announce wakes up all waiting goroutines. The caller must hold mu.
func (s *Server) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}
