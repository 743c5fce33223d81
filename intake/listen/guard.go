package listen

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// Refusal is why a connection or a datagram was refused. It counts for its listener.
type Refusal int

// The refusals.
const (
	Admitted       Refusal = iota
	OldKey                 // a signed datagram that is admitted, with a key that is not the newest
	Denied                 // this address, user or group may not send
	BadAuth                // no signature, or none of a key that counts
	Replayed               // a signed datagram that came before
	Late                   // a signed datagram whose time is too long ago
	Early                  // a signed datagram whose time is in the future
	Unremembered           // a signed datagram, when too many came to know if it is a replay
	NoCertificate          // a client without a certificate
	BadCertificate         // a certificate that is expired, or not from an authority that counts
	BadName                // a certificate without a name that may send
	Handshake              // no TLS, or none that both sides speak
	SlowHandshake          // a handshake that took too long
	Crowded                // a handshake that had to make room for another one
	Left                   // a client that left before its first byte, such as a check of a load balancer
	BadFrame               // a frame of impossible length
	Refusals       = 16    // the number of refusals, for arrays indexed by Refusal
)

var refusals = [Refusals]string{
	"", "old_key", "denied", "bad_auth", "replayed", "late", "early", "unremembered", "no_certificate", "bad_certificate", "bad_name",
	"bad_handshake", "slow_handshake", "crowded", "left", "bad_frames",
}

// String returns the refusal as figures name it, for example denied.
func (r Refusal) String() string { return refusals[r] }

// Admits reports whether the lines count.
func (r Refusal) Admits() bool { return r <= OldKey }

// Refusals returns what can be refused by a listener of this scheme. A client that left has lost nothing.
func (s Scheme) Refusals() []Refusal {
	switch s {
	case Unix:
		return []Refusal{Denied, BadFrame}
	case TLS:
		return []Refusal{Denied, NoCertificate, BadCertificate, BadName, Handshake, SlowHandshake, Crowded}
	case HMAC:
		return []Refusal{Denied, BadAuth, Replayed, Late, Early, Unremembered}
	}
	return []Refusal{Denied}
}

// Guard decides who may send to a listener.
type Guard interface {
	// Check returns a check for the datagrams of one receiver, or nil if all may pass. The check is for one
	// goroutine at a time.
	Check() Check
	// Admit decides about a new connection. It returns the one to read the lines from: the same, or for TLS
	// one that decrypts. Only the latter takes time, until ctx ends.
	Admit(context.Context, net.Conn) (net.Conn, Refusal)
	// Follow takes over the rules of a Guard that a reload has made for the listener, if they are of the same
	// kind. The checks follow too.
	Follow(Guard)
}

// Check decides about datagrams.
type Check interface {
	// Open returns the lines of a datagram, and whether it admits them. The lines are a part of the datagram. The
	// sender is not valid unless Senders is true. It was read at now.
	Open(datagram []byte, from netip.Addr, now time.Time) ([]byte, Refusal)
	// Senders reports whether Open needs the senders. They cost about a tenth of receiving. It never
	// changes.
	Senders() bool
}
