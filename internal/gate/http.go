package gate

import (
	"context"
	"io"
	"net"
	"net/http"
	"time"
)

type guestKey struct{}

// Gone returns a channel that is closed when the connection of a request is closed, so that the
// answer cannot be delivered any more. ctx is the context of the request. The end of ctx is no
// substitute for the channel: ctx ends too early if the client has shut down its sending half, and
// never if the client has sent more than one request.
func Gone(ctx context.Context) <-chan struct{} {
	if c, ok := ctx.Value(guestKey{}).(*Conn); ok {
		return c.gone
	}
	return nil
}

// Stay protects the connection of a request: the Gate never closes it in favour of another client.
// It is for answers that take a long time by design. ctx is the context of the request. At most
// half of the connections can be protected; above this limit, Stay returns false.
func Stay(ctx context.Context) bool {
	c, ok := ctx.Value(guestKey{}).(*Conn)
	if !ok {
		return true // the server uses no Gate
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

// stayFor is a time longer than any answer takes.
const stayFor = 100 * 365 * 24 * time.Hour

// Watch connects an HTTP server to the Gate. The server then tells the Gate when requests are
// complete and connections end. Call it before the server starts to serve.
func (g *Gate) Watch(server *http.Server) {
	server.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if secured, ok := c.(interface{ NetConn() net.Conn }); ok { // c is a TLS connection
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
	// The slot of a closed connection is free even while its handler still runs. This channel
	// therefore limits the number of running handlers separately.
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

// guestBody reports the end of a request's body to the Gate.
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
