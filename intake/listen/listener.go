package listen

import (
	"io/fs"
	"slices"
	"time"
)

// Scheme is the type of a listener, such as udp or tls. It is the first part of the listener's URL.
type Scheme string

// The values of Scheme.
const (
	UDP      Scheme = "udp"
	HMAC     Scheme = "udp+hmac" // signed datagrams
	TCP      Scheme = "tcp"
	TLS      Scheme = "tcp+tls"
	Unixgram Scheme = "unixgram" // datagrams from processes of this host
	Unix     Scheme = "unix"     // streams from processes of this host
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

// Datagrams reports whether the sockets of the scheme receive datagrams. All other schemes accept
// connections.
func (s Scheme) Datagrams() bool { return s.Network() == "udp" || s == Unixgram }

// Local reports whether the sockets are unix sockets, which only processes of this host can use.
func (s Scheme) Local() bool { return s == Unixgram || s == Unix }

// Framing is how lines are separated in a stream.
type Framing string

// The values of Framing.
const (
	Auto      Framing = "auto"      // the first bytes of each connection tell whether it sends lines or frames
	Lines     Framing = "lines"     // a newline ends each line
	DogStatsD Framing = "dogstatsd" // each frame is a length in 4 bytes, followed by lines of this total length
)

// Listener is an address that receives lines, and its options.
type Listener struct {
	URL  string // the URL without the options that a reload can change; empty for a listener of --port, and for an inherited socket without a URL
	Name string // name in metrics and in logs
	// FromPort says that the listener comes from --port and --name. There are two such listeners, for
	// UDP and TCP, on the same port.
	FromPort bool
	Scheme   Scheme
	Address  string // HOST:PORT, the path of a socket file, or @NAME for an abstract socket

	// Receivers is the number of datagram sockets that share the address.
	Receivers int
	// Buffer is the size of the receive buffer of each UDP socket in bytes.
	Buffer int

	// Framing applies to unix stream sockets only.
	Framing Framing
	Limits
	File
	// UIDs and GIDs restrict who may send to a unix socket. A process may send if its user is in UIDs, or if its
	// primary group is in GIDs. If both are empty, all processes may send.
	UIDs, GIDs []uint32
}

// Limits are the limits of the connections of one listener. A limit of 0 means that the limit from
// the command line applies.
type Limits struct {
	Max  int           // maximum number of open connections; --max-tcp-connections also limits the sum over all listeners
	Idle time.Duration // a negative value means no limit
	Line time.Duration
}

// File says with which mode and owner to make the file of a unix socket.
type File struct {
	Mode        fs.FileMode
	User, Group string // names or ids; empty means the user and group of this process
}

// Abstract reports whether the address is the name of an abstract socket. Such a socket has no file.
func (l *Listener) Abstract() bool {
	return l.Scheme.Local() && len(l.Address) > 0 && l.Address[0] == '@'
}

// Restricted reports whether only some users and groups may send.
func (l *Listener) Restricted() bool { return len(l.UIDs)+len(l.GIDs) > 0 }

// Allows reports whether a process with this user and group may send to the unix socket.
func (l *Listener) Allows(uid, gid uint32) bool {
	return !l.Restricted() || slices.Contains(l.UIDs, uid) || slices.Contains(l.GIDs, gid)
}
