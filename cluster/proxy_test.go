package cluster

import (
	"net"
	"sync"
	"testing"
)

// proxy relays connections to one of several servers. While the proxy is mute, it relays nothing.
// The connections stay open, so neither side notices.
type proxy struct {
	addr    string
	servers []string

	mu    sync.Mutex
	open  *sync.Cond // signalled when the proxy is no longer mute
	mute  bool
	conns map[net.Conn]bool
}

func newProxy(t testing.TB, servers []string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: l.Addr().String(), servers: servers, conns: map[net.Conn]bool{}}
	p.open = sync.NewCond(&p.mu)
	go func() {
		for i := 0; ; i++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(conn, i)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		p.set(false)
		p.mu.Lock()
		defer p.mu.Unlock()
		for conn := range p.conns {
			_ = conn.Close()
		}
	})
	return p
}

func (p *proxy) set(mute bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute = mute
	p.open.Broadcast()
}

func (p *proxy) await() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.mute {
		p.open.Wait()
	}
}

func (p *proxy) keep(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[conn] = true
}

// serve relays a connection to the first server that accepts it. Each call begins with a different
// server.
func (p *proxy) serve(conn net.Conn, number int) {
	p.keep(conn)
	p.await()
	for i := range p.servers {
		up, err := net.Dial("tcp", p.servers[(number+i)%len(p.servers)])
		if err != nil {
			continue
		}
		p.keep(up)
		go p.pass(up, conn)
		p.pass(conn, up)
		return
	}
	_ = conn.Close()
}

func (p *proxy) pass(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		p.await()
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
