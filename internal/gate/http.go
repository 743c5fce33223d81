package gate

import (
	"context"
	"io"
	"net"
	"net/http"
)

type guestKey struct{}

// Gone returns a channel that is closed when the connection of a request is closed: an
// answer can no longer be delivered. ctx is the context of the request. Its own end does not
// serve: it comes too early if the client has shut down its sending half, and never if the
// client has sent more than the request.
func Gone(ctx context.Context) <-chan struct{} {
	if c, ok := ctx.Value(guestKey{}).(*Conn); ok {
		return c.gone
	}
	return nil
}

// Watch connects the HTTP server that serves the Gate: the Gate learns when requests are
// complete and connections end. Call it before the server serves.
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
	// A closed connection frees its place while work for it may go on.
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
