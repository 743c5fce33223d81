package listen

import (
	"io/fs"
	"slices"
	"time"
)

// Scheme is the kind of a listener, as in its URL.
type Scheme string

// The schemes.
const (
	UDP      Scheme = "udp"
	HMAC     Scheme = "udp+hmac" // signed datagrams
	TCP      Scheme = "tcp"
	TLS      Scheme = "tcp+tls"
	Unixgram Scheme = "unixgram" // datagrams of this host
	Unix     Scheme = "unix"     // streams of this host
)

// Network returns the network of the sockets, as package net names it.
func (s Scheme) Network() string {
	switch s {
	case HMAC:
		return "udp"
	case TLS:
		return "tcp"
	}
	return string(s)
}

// Datagrams reports whether the sockets receive datagrams. The others accept connections.
func (s Scheme) Datagrams() bool { return s.Network() == "udp" || s == Unixgram }

// Local reports whether the sockets are unix sockets, which only processes of this host can reach.
func (s Scheme) Local() bool { return s == Unixgram || s == Unix }

// Framing is how lines are separated in a stream.
type Framing string

// The framings.
const (
	Auto      Framing = "auto"      // the first bytes of each connection decide
	Lines     Framing = "lines"     // a newline ends each line
	DogStatsD Framing = "dogstatsd" // 4 bytes of length, then lines of that many bytes
)

// Listener is a place to receive lines: an address and its options.
type Listener struct {
	URL  string // the URL without the options that a reload can change; empty for --port, and for an inherited socket without a URL
	Name string // used in figures and in logs
	// FromPort says that the listener comes from --port and --name. Two such listeners share a port.
	FromPort bool
	Scheme   Scheme
	Address  string // HOST:PORT, the path of a socket file, or @NAME for an abstract socket

	// Receivers is the number of datagram sockets that share the address.
	Receivers int
	// Buffer is the size of the receive buffer of each UDP socket in bytes.
	Buffer int

	// Framing is only for Unix.
	Framing Framing
	Limits
	File
	// UIDs and GIDs are the users and groups that may send to a unix socket. If both are empty, all may send.
	// The group is the primary group of the sender's process.
	UIDs, GIDs []uint32
}

// Limits are the limits of the connections of one listener. A limit of 0 means the value of the flag.
type Limits struct {
	Max  int           // maximum of open connections; the flag still limits all listeners together
	Idle time.Duration // below 0 means no limit
	Line time.Duration
}

// File says how to make the file of a unix socket.
type File struct {
	Mode        fs.FileMode
	User, Group string // names or numbers; empty means the process's user and group
}

// Abstract reports whether the address is the name of an abstract socket. Such a socket has no file.
func (l *Listener) Abstract() bool {
	return l.Scheme.Local() && len(l.Address) > 0 && l.Address[0] == '@'
}

// Restricted reports whether only some users and groups may send.
func (l *Listener) Restricted() bool { return len(l.UIDs)+len(l.GIDs) > 0 }

// Allows reports whether a user and the group of a process may send to a unix socket.
func (l *Listener) Allows(uid, gid uint32) bool {
	return !l.Restricted() || slices.Contains(l.UIDs, uid) || slices.Contains(l.GIDs, gid)
}
