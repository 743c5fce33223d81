package api

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// maxRequests is the maximum number of requests of a client in a second.
	maxRequests = 100
	// maxClients is the maximum number of clients that are counted separately in a second. All other
	// clients share an entry.
	maxClients = 1024
)

// clients counts the requests of each client in the current second. An IPv6 network of the size /64
// counts as one client, because a single machine can use all of its addresses.
type clients struct {
	now    func() time.Time
	mu     sync.Mutex
	second int64
	counts map[netip.Prefix]int
}

// allow counts a request. It returns false if the client has sent too many requests.
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
	p, _ := addr.Prefix(bits) // never fails, because bits is valid
	return p
}
