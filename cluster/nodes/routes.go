package nodes

import (
	"net"
	"regexp"
	"sync"
	"testing"
)

// routes relays the traffic between nodes. The nodes reach each other only through the listeners of
// routes. If a node is cut off, routes relays nothing from or to it. Clients of the node do not use
// routes.
type routes struct {
	mu    sync.Mutex
	joint *sync.Cond
	cut   map[string]bool // whether a node is cut off, by the address of the node's own listener
	ids   map[string]string
	conns []net.Conn
}

func newRoutes(t testing.TB) *routes {
	r := &routes{cut: map[string]bool{}, ids: map[string]string{}}
	r.joint = sync.NewCond(&r.mu)
	t.Cleanup(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		clear(r.cut)
		r.joint.Broadcast()
		for _, conn := range r.conns {
			_ = conn.Close()
		}
	})
	return r
}

// listen relays connections to a node. It returns the address that the other nodes must use.
func (r *routes) listen(t testing.TB, node string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			go r.serve(node, from)
		}
	}()
	return l.Addr().String()
}

// route is a connection between two nodes.
type route struct {
	to   string // address of the node to which the connection leads
	from string // id of the server that has opened the connection; empty until the id is known
}

func (r *routes) serve(node string, from net.Conn) {
	to, err := net.Dial("tcp", node)
	if err != nil {
		_ = from.Close()
		return
	}
	r.mu.Lock()
	r.conns = append(r.conns, from, to)
	r.mu.Unlock()
	c := &route{to: node}
	go r.pass(c, from, to, false)
	r.pass(c, to, from, true)
}

// Servers send their id at the start of a connection.
var (
	serverID = regexp.MustCompile(`"server_id":"([^"]+)"`)
	clientID = regexp.MustCompile(`CONNECT .*"name":"([^"]+)"`)
)

// listenTo finds out which server has opened a connection, from the text that the servers exchange.
func (r *routes) listenTo(c *route, text []byte, forward bool) {
	if forward && c.from == "" {
		if m := clientID.FindSubmatch(text); m != nil {
			c.from = string(m[1])
		}
	}
	if m := serverID.FindSubmatch(text); m != nil && !forward {
		r.ids[c.to] = string(m[1])
	}
}

func (r *routes) pass(c *route, to, from net.Conn, forward bool) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		r.mu.Lock()
		r.listenTo(c, b[:n], forward)
		for r.isCut(c) {
			r.joint.Wait()
		}
		r.mu.Unlock()
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

func (r *routes) isCut(c *route) bool {
	for node, cut := range r.cut {
		if cut && (node == c.to || r.ids[node] == c.from) {
			return true
		}
	}
	return false
}

func (r *routes) set(node string, cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut[node] = cut
	r.joint.Broadcast()
}
