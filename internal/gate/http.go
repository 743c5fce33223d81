package gate

import (
	"context"
	"io"
	"net"
	"net/http"
)

type guestKey struct{}

// Gone returns what is closed once the connection is that the request of ctx came through:
// nobody will get an answer any more. The request's own context ends too early, with a client that
// has said all it wants to, and not at all with one that has said more.
func Gone(ctx context.Context) <-chan struct{} {
	if c, ok := ctx.Value(guestKey{}).(*Conn); ok {
		return c.gone
	}
	return nil
}

// Watch makes server, which is to serve the gate, tell it how its guests get on.
func (g *Gate) Watch(server *http.Server) {
	server.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
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
	// A place can be free before the work for who had it is done.
	working := make(chan struct{}, Most)
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
