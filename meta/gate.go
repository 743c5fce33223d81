package meta

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// maxGuests is how many connections are open at a time.
	maxGuests = 32
	// When all are taken, a newcomer waits until some connection has kept us
	// waiting this long for its request, or this long with its answer. A client
	// that wants something says so as it connects, so 15 ms are plenty; and
	// 1,000 clients that say nothing are through in 15 ms x 1,000/32.
	readPatience   = 15 * time.Millisecond
	answerPatience = time.Second
)

// gate is a listener with at most maxGuests open connections. When a newcomer
// finds it full, the connection that has tried its patience longest is closed
// instead of it: whoever hangs about unasking costs others no more than a
// short wait, wherever it comes from.
type gate struct {
	*net.TCPListener
	closed  chan struct{}
	left    chan struct{}  // told, if it listens, when a guest leaves
	serving sync.WaitGroup // guests that a goroutine still works for

	mu     sync.Mutex
	guests map[*guest]bool
	once   sync.Once
}

// guest is an open connection.
type guest struct {
	*net.TCPConn
	gate *gate

	// These are under gate.mu.
	patience time.Time     // from when on it may be closed for another
	waited   time.Duration // for its request, so far
	reading  time.Time     // since when we wait for more of it
	answered bool          // its request is complete
}

func newGate(l *net.TCPListener) *gate {
	return &gate{
		TCPListener: l,
		closed:      make(chan struct{}),
		left:        make(chan struct{}, 1),
		guests:      make(map[*guest]bool),
	}
}

// Accept waits for a connection, then for room.
func (g *gate) Accept() (net.Conn, error) {
	conn, err := g.AcceptTCP()
	if err != nil {
		return nil, err
	}
	for {
		// Patience can end sooner than it looks now: see guest.Read.
		in, wait := g.enter(conn)
		if in != nil {
			return in, nil
		}
		select {
		case <-time.After(min(wait, readPatience)):
		case <-g.left:
		case <-g.closed:
			_ = conn.Close()
			return nil, net.ErrClosed
		}
	}
}

// enter makes conn a guest, or says how long all guests have to be left alone.
func (g *gate) enter(conn *net.TCPConn) (*guest, time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if len(g.guests) >= maxGuests {
		first := g.leastPatience()
		if wait := first.patience.Sub(now); wait > 0 {
			return nil, wait
		}
		delete(g.guests, first)
		_ = first.TCPConn.Close()
	}
	in := &guest{TCPConn: conn, gate: g, patience: now.Add(answerPatience)}
	g.guests[in] = true
	g.serving.Add(1)
	return in, 0
}

func (g *gate) leastPatience() (first *guest) {
	for c := range g.guests {
		if first == nil || c.patience.Before(first.patience) {
			first = c
		}
	}
	return first
}

// Close ends Accept. It leaves the guests alone.
func (g *gate) Close() error {
	g.once.Do(func() { close(g.closed) })
	return g.TCPListener.Close()
}

// Close closes the connection and makes its place free.
func (c *guest) Close() error {
	c.gate.mu.Lock()
	delete(c.gate.guests, c)
	c.gate.mu.Unlock()
	select {
	case c.gate.left <- struct{}{}:
	default:
	}
	return c.TCPConn.Close()
}

// Read measures how long the client keeps us waiting: not how long it takes us
// to get round to it, of which the client may well be the victim.
func (c *guest) Read(p []byte) (int, error) {
	c.gate.mu.Lock()
	if c.reading = time.Now(); !c.answered {
		c.patience = c.reading.Add(readPatience - c.waited)
	}
	c.gate.mu.Unlock()
	n, err := c.TCPConn.Read(p)
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	if now := time.Now(); !c.answered {
		c.waited += now.Sub(c.reading)
		c.patience = now.Add(answerPatience)
	}
	return n, err
}

// asked says that the request of c is complete.
func (c *guest) asked() {
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	c.answered = true
	c.patience = time.Now().Add(answerPatience)
}

type guestKey struct{}

// watch makes server tell the gate how its guests get on.
func (g *gate) watch(server *http.Server) {
	server.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, guestKey{}, c)
	}
	server.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateClosed {
			g.serving.Done()
		}
	}
	next := server.Handler
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := r.Context().Value(guestKey{}).(*guest)
		if r.Body == http.NoBody {
			c.asked()
		} else {
			r.Body = &guestBody{r.Body, c}
		}
		next.ServeHTTP(w, r)
	})
}

// guestBody notices the end of a request's body.
type guestBody struct {
	io.ReadCloser
	guest *guest
}

func (b *guestBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.guest.asked()
	}
	return n, err
}
