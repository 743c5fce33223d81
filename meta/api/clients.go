package api

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// maxRequests is the number of requests that a client may make in a second.
	maxRequests = 100
	// maxClients bounds the table of clients. Further clients in the same second share one entry.
	maxClients = 1024
)

// clients count the requests of each client in the running second. All addresses of an IPv6 /64 count as one client,
// because one machine can have all of them.
type clients struct {
	now    func() time.Time
	mu     sync.Mutex
	second int64
	counts map[netip.Prefix]int
}

// allow counts a request, and reports whether its client may make it.
func (c *clients) allow(remote string) bool {
	client := clientOf(remote)
	c.mu.Lock()
	defer c.mu.Unlock()
	if second := c.now().Unix(); second != c.second || c.counts == nil {
		c.second, c.counts = second, map[netip.Prefix]int{}
	}
	if _, known := c.counts[client]; !known && len(c.counts) >= maxClients {
		client = netip.Prefix{}
	}
	c.counts[client]++
	return c.counts[client] <= maxRequests
}

func clientOf(remote string) netip.Prefix {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	addr, bits := at.Addr().Unmap().WithZone(""), 32
	if addr.Is6() {
		bits = 64
	}
	p, _ := addr.Prefix(bits) // no error: bits is valid
	return p
}
