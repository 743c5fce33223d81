package gate

import (
	"context"
	"io"
	"net"
	"net/http"
	"time"
)

type guestKey struct{}

// Gone returns a channel that is closed when the connection of a request is closed: an
// answer can no longer be delivered. ctx is the context of the request. The end of ctx itself cannot be used. It comes
// too early if the client has shut down its sending half, and never if the client has sent more than the request.
func Gone(ctx context.Context) <-chan struct{} {
	if c, ok := ctx.Value(guestKey{}).(*Conn); ok {
		return c.gone
	}
	return nil
}

// Stay lets the connection of a request keep its place until it ends. It is for answers that take a long time by
// design. At most half of the connections may stay. ctx is the context of the request. Stay returns false if too many
// stay already.
func Stay(ctx context.Context) bool {
	c, ok := ctx.Value(guestKey{}).(*Conn)
	if !ok {
		return true // not served by a Gate
	}
	g := c.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	staying := 0
	for guest := range g.guests {
		if guest.stays && guest != c {
			staying++
		}
	}
	if staying >= max(g.max/2, 1) {
		return false
	}
	c.wait(time.Now().Add(stayFor))
	c.stays = true
	return true
}

// stayFor is longer than any answer takes.
const stayFor = 100 * 365 * 24 * time.Hour

// Watch connects the HTTP server that serves the Gate: the Gate learns when requests are
// complete and connections end. Call it before the server serves.
func (g *Gate) Watch(server *http.Server) {
	server.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if secured, ok := c.(interface{ NetConn() net.Conn }); ok { // TLS
			c = secured.NetConn()
		}
		return context.WithValue(ctx, guestKey{}, c)
	}
	server.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			g.serving.Add(1)
		case http.StateClosed:
			g.serving.Done()
		}
	}
	// A closed connection frees its place, even if a goroutine still works for it.
	working := make(chan struct{}, MaxConns)
	next := server.Handler
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := r.Context().Value(guestKey{}).(*Conn)
		if r.Body == http.NoBody {
			c.Asked()
		} else {
			r.Body = &guestBody{r.Body, c}
		}
		select {
		case working <- struct{}{}:
			defer func() { <-working }()
			next.ServeHTTP(w, r)
		case <-c.gone:
		}
	})
}

// guestBody notices the end of a request's body.
type guestBody struct {
	io.ReadCloser
	guest *Conn
}

func (b *guestBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.guest.Asked()
	}
	return n, err
}
