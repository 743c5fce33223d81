package listen

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// Refusal is the result of a check of a connection or a datagram: admitted (Admitted and OldKey), or the reason why it
// was refused. The listener counts all results except Admitted.
type Refusal int

// The values of Refusal.
const (
	Admitted       Refusal = iota
	OldKey                 // accepted: a signed datagram whose key is valid, but is not the newest key
	Denied                 // the sender's address, user or group may not send
	BadAuth                // no signature, or a signature with an unknown key
	Replayed               // a signed datagram that was already accepted once
	Late                   // a signed datagram whose time is too far in the past
	Early                  // a signed datagram whose time is too far in the future
	Unremembered           // a signed datagram that cannot be checked for replay, because too many signatures are stored
	NoCertificate          // a client without a certificate
	BadCertificate         // a certificate that is expired or not signed by a trusted authority
	BadName                // a certificate that contains none of the allowed names
	Handshake              // a connection without TLS, or with a version of TLS that the daemon does not accept
	SlowHandshake          // a TLS handshake that took too long
	Crowded                // a TLS handshake that the daemon ended to free room for another connection
	Left                   // a client that disconnected without sending a byte, such as a health check of a load balancer
	BadFrame               // a frame with an impossible length
	Refusals       = 16    // length of arrays indexed by Refusal
)

var refusals = [Refusals]string{
	"", "old_key", "denied", "bad_auth", "replayed", "late", "early", "unremembered", "no_certificate", "bad_certificate", "bad_name",
	"bad_handshake", "slow_handshake", "crowded", "left", "bad_frames",
}

// String returns the name of the refusal in metrics, for example denied.
func (r Refusal) String() string { return refusals[r] }

// Admits reports whether lines are accepted in spite of this Refusal.
func (r Refusal) Admits() bool { return r <= OldKey }

// Refusals returns the refusals that a listener of this scheme can have. It omits Left, because a
// client that disconnects before its first byte loses no data.
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
	// Check returns a check for the datagrams of one receiver, or nil if all datagrams are admitted.
	// Only one goroutine at a time may use the check.
	Check() Check
	// Admit decides whether a new connection may send. It returns the connection from which to read
	// the lines. With TLS this is a connection that decrypts, otherwise it is the same connection.
	// Only a TLS handshake takes time. When ctx ends, Admit returns with a refusal.
	Admit(context.Context, net.Conn) (net.Conn, Refusal)
	// Follow replaces the rules of this Guard by the rules of another Guard of the same type, which a reload has made
	// for the same listener. Existing Checks use the new rules too.
	Follow(Guard)
}

// Check decides which datagrams are admitted.
type Check interface {
	// Open returns the lines of a datagram, and Admitted or the reason for a refusal. The lines are a
	// subslice of the datagram. The parameter from is valid only if Senders returns true. The
	// parameter now is the time when the datagram was read.
	Open(datagram []byte, from netip.Addr, now time.Time) ([]byte, Refusal)
	// Senders reports whether Open needs the sender of each datagram. A request for senders adds about a tenth to the
	// cost of receiving. The result of Senders never changes.
	Senders() bool
}
