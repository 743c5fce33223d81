// Package peers counts the data that processes of this host send over unix sockets. The kernel identifies the
// sending process, so a process cannot pretend to be another user's process.
//
//	table.Count(id, now, peers.Counts{Datagrams: 1})
//	listing := table.List()
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
	// Max limits the processes in a table. At the limit, a new process replaces the process that has
	// sent nothing for the longest time. The counts of the replaced process are added to Others.
	Max = 1024
	// fresh is the time after which the program name of a process id is looked up again. After this time, the id may
	// belong to another process, or the process may have started another program.
	fresh = 10 * time.Second
)

// ID identifies a process and its user. PID is 0 if the process runs in a container and has no
// process id on this host.
type ID struct {
	PID int32
	UID uint32
}

// Credentials is what the kernel reports about a sending process.
type Credentials struct {
	ID
	GID   uint32 // the main group of the process
	Known bool   // whether the kernel reported the credentials
}

// Counts counts the data of one process.
type Counts struct {
	Datagrams, Connections uint64
	Lines                  uint64
	Bad                    uint64 // number of bad samples
	Denied                 uint64 // number of refused datagrams and connections
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
	Program string // name of the program as ps shows it; empty if unknown
	Last    time.Time
	Counts
}

// peer is an entry of a Table.
type peer struct {
	Peer
	looked time.Time // time when Program was last looked up
}

// Table counts the data of each process. The zero Table is empty. It is safe for concurrent use.
type Table struct {
	mu     sync.Mutex
	peers  map[ID]*peer
	others Counts
	gone   uint64
	// programOf returns the program name of a process. If it is nil, the function Program is used.
	programOf func(pid int32) string
}

// Count adds to the counts of a process, and returns the name of its program.
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
		if name := t.program(id.PID); name != "" { // keep the program name of a process that has ended
			p.Program = name
		}
	}
	return p
}

// forget removes the process that has sent nothing for the longest time.
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
	Peers  []Peer // sorted by the number of lines in descending order
	Others Counts // sum of the counts of replaced processes
	Gone   uint64 // number of replaced processes
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

// Program returns the name of a process's program as ps shows it. Characters that a terminal might
// not show are replaced by a question mark. The result is empty if the name is unknown.
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
