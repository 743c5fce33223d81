package listen

import (
	"net"
	"net/netip"
)

// Refusal is why a connection or a datagram was refused. It counts for its listener.
type Refusal int

// The refusals.
const (
	Admitted Refusal = iota
	Denied           // this address, user or group may not send
	BadAuth          // no valid certificate or signature
	Replayed         // a signed datagram that came before
	Late             // a signed datagram with another time
	BadFrame         // a frame of impossible length
	Refusals = 6     // the number of refusals, for arrays indexed by Refusal
)

var refusals = [Refusals]string{"", "denied", "bad_auth", "replayed", "late", "bad_frames"}

// String returns the refusal as figures name it, for example denied.
func (r Refusal) String() string { return refusals[r] }

// Refusals returns what can be refused by a listener of this scheme.
func (s Scheme) Refusals() []Refusal {
	switch s {
	case Unix:
		return []Refusal{Denied, BadFrame}
	case TLS:
		return []Refusal{Denied, BadAuth}
	case HMAC:
		return []Refusal{Denied, BadAuth, Replayed, Late}
	}
	return []Refusal{Denied}
}

// Guard decides who may send to a listener.
type Guard interface {
	// Check returns a check for the datagrams of one receiver, or nil if all may pass. The check is for one
	// goroutine at a time.
	Check() Check
	// Admit decides about a new connection. It may take its time. It returns the connection to read the
	// lines from: the same, or one that decrypts.
	Admit(net.Conn) (net.Conn, Refusal)
}

// Check decides about datagrams.
type Check interface {
	// Open returns the lines of a datagram, or why it is refused. The lines are a part of the datagram. The
	// sender is not valid unless Senders is true.
	Open(datagram []byte, from netip.Addr) ([]byte, Refusal)
	// Senders reports whether Open needs the senders. They cost about a tenth of receiving.
	Senders() bool
}
