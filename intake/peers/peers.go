// Package peers counts the data that processes of this host send over unix sockets. The kernel names the
// process, so a process cannot send in the name of another user.
//
//	table.Count(sender, 1, lines)
//	table.Bad(sender)
//	table.List()
package peers

import (
	"cmp"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// Max limits the processes in a table. A further process replaces the one that sent nothing for the
	// longest time. The counts of the replaced process go to Others.
	Max = 1024
	// fresh is how long the program of a process is not looked up again. After that time, the number may
	// belong to another process, or the process may have started another program.
	fresh = 10 * time.Second
)

// ID identifies a process and its user. PID is 0 for a process in a container that has no number on this host.
type ID struct {
	PID int32
	UID uint32
}

// Credentials are the kernel's information about a sender.
type Credentials struct {
	ID
	GID   uint32 // the main group of the process
	Known bool   // whether the kernel gave the information
}

// Counts counts the data of a process.
type Counts struct {
	Datagrams, Connections uint64
	Lines                  uint64
	Bad                    uint64 // bad samples
	Denied                 uint64 // datagrams and connections that were refused
}

func (c *Counts) add(o *Counts) {
	c.Datagrams += o.Datagrams
	c.Connections += o.Connections
	c.Lines += o.Lines
	c.Bad += o.Bad
	c.Denied += o.Denied
}

// Peer is a process and its counts.
type Peer struct {
	ID
	Program string // as ps shows it; empty if unknown
	Last    time.Time
	Counts
}

// peer is an entry of a Table.
type peer struct {
	Peer
	looked time.Time // when Program was looked up
}

// Table counts the data of each process. The zero Table is empty. It is safe for concurrent use.
type Table struct {
	mu     sync.Mutex
	peers  map[ID]*peer
	others Counts
	gone   uint64
	// programOf returns the program of a process. If it is nil, the system is asked.
	programOf func(pid int32) string
}

// Count adds to the counts of a process, and returns its program.
func (t *Table) Count(id ID, now time.Time, c Counts) (program string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.at(id, now)
	p.add(&c)
	p.Last = now
	return p.Program
}

// at returns the entry of a process.
func (t *Table) at(id ID, now time.Time) *peer {
	p := t.peers[id]
	if p == nil {
		if t.peers == nil {
			t.peers = map[ID]*peer{}
		}
		if len(t.peers) == Max {
			t.forget()
		}
		p = &peer{Peer: Peer{ID: id}}
		t.peers[id] = p
	}
	if now.Sub(p.looked) >= fresh {
		p.looked = now
		if name := t.program(id.PID); name != "" { // keep the name of a process that has ended
			p.Program = name
		}
	}
	return p
}

// forget removes a process to make room.
func (t *Table) forget() {
	var oldest *peer
	for _, p := range t.peers {
		if oldest == nil || p.Last.Before(oldest.Last) {
			oldest = p
		}
	}
	t.others.add(&oldest.Counts)
	t.gone++
	delete(t.peers, oldest.ID)
}

func (t *Table) program(pid int32) string {
	if t.programOf != nil {
		return t.programOf(pid)
	}
	return Program(pid)
}

// Listing is the content of a Table.
type Listing struct {
	Peers  []Peer // sorted by lines, the most first
	Others Counts // of the replaced processes
	Gone   uint64 // how many processes were replaced
}

// List returns a copy of the table.
func (t *Table) List() Listing {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := Listing{Others: t.others, Gone: t.gone}
	for _, p := range t.peers {
		l.Peers = append(l.Peers, p.Peer)
	}
	slices.SortFunc(l.Peers, func(a, b Peer) int {
		return cmp.Or(cmp.Compare(b.Lines, a.Lines), cmp.Compare(a.UID, b.UID), cmp.Compare(a.PID, b.PID))
	})
	return l
}

// Program returns the name of a process's program as ps shows it. A ? replaces each character that a
// terminal might not show. It returns "" if the name is unknown.
func Program(pid int32) string {
	if pid <= 0 {
		return ""
	}
	name, err := os.ReadFile("/proc/" + strconv.Itoa(int(pid)) + "/comm")
	if err != nil {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '?'
		}
		return r
	}, strings.TrimSuffix(string(name), "\n"))
}
