package listen

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// Refusal is the reason why a connection or a datagram was refused. The listener counts refusals.
type Refusal int

// The refusals.
const (
	Admitted       Refusal = iota
	OldKey                 // admitted: a signed datagram whose key is not the newest key
	Denied                 // this address, user or group may not send
	BadAuth                // no signature, or a signature with an unknown key
	Replayed               // a signed datagram that was accepted before
	Late                   // a signed datagram whose time is too long ago
	Early                  // a signed datagram whose time is in the future
	Unremembered           // a signed datagram when too many are remembered: it may be a replay
	NoCertificate          // a client without a certificate
	BadCertificate         // a certificate that is expired, or not signed by a trusted authority
	BadName                // a certificate without a name that may send
	Handshake              // no TLS, or no version that both sides support
	SlowHandshake          // a handshake that took too long
	Crowded                // a handshake that was ended to make room for another connection
	Left                   // a client that left before its first byte, such as a check of a load balancer
	BadFrame               // a frame of impossible length
	Refusals       = 16    // the number of refusals, for arrays indexed by Refusal
)

var refusals = [Refusals]string{
	"", "old_key", "denied", "bad_auth", "replayed", "late", "early", "unremembered", "no_certificate", "bad_certificate", "bad_name",
	"bad_handshake", "slow_handshake", "crowded", "left", "bad_frames",
}

// String returns the name of the refusal in figures, for example denied.
func (r Refusal) String() string { return refusals[r] }

// Admits reports whether the lines are accepted in spite of this Refusal.
func (r Refusal) Admits() bool { return r <= OldKey }

// Refusals returns the refusals that a listener of this scheme can have. It omits Left, because a client
// that left has lost no data.
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
	// Admit decides about a new connection. It returns the connection from which to read the lines: the same
	// one, or for TLS a connection that decrypts. Only TLS takes time, and Admit gives up when ctx ends.
	Admit(context.Context, net.Conn) (net.Conn, Refusal)
	// Follow changes to the rules of another Guard of the same kind, which a reload has made for the listener. Existing
	// checks use the new rules too.
	Follow(Guard)
}

// Check decides about datagrams.
type Check interface {
	// Open returns the lines of a datagram, and whether the datagram is admitted. The lines are a part of the
	// datagram. The sender is valid only if Senders returns true. now is when the datagram was read.
	Open(datagram []byte, from netip.Addr, now time.Time) ([]byte, Refusal)
	// Senders reports whether Open needs the senders. They add about a tenth to the cost of receiving. The
	// result never changes.
	Senders() bool
}
