// Package signed checks signed datagrams. The format is the same as brubeck's statsd-secure:
//
//	bytes   0-31  HMAC-SHA256 of all bytes that follow
//	bytes  32-39  time of the signature: Unix seconds, little-endian
//	bytes  40-43  a nonce (any bytes), so that equal lines have different signatures
//	bytes  44-    metric lines
//
// All receivers of a listener share a Window, and each goroutine has a Checker:
//
//	keys, err := signed.ReadKeys("/etc/statsd/keys")
//	window := signed.NewWindow(3 * time.Second)
//	checker := window.Checker(keys)
//	if verdict := checker.Check(datagram, time.Now()); verdict.Accepted() {
//		lines := datagram[signed.Overhead:]
//
// A datagram is accepted if it was signed with one of the keys, and if its time differs from the daemon's time by at
// most the drift, which is the argument of NewWindow. Each datagram is accepted only once, because the Window remembers
// the signatures of accepted datagrams until their time is outside the drift. The signatures are lost when the daemon
// restarts.
package signed

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"time"
)

// Overhead is the number of bytes before the metric lines in a signed datagram.
const Overhead = nonceAt + 4

// Offsets of the fields in a datagram.
const (
	timeAt  = sha256.Size
	nonceAt = timeAt + 8
)

// Verdict is the result of checking a datagram: accepted, or the reason for its rejection.
type Verdict uint8

// The possible verdicts.
const (
	Accepted    Verdict = iota // signed with the newest key
	AcceptedOld                // signed with one of the older keys
	Unsigned                   // too short to contain a signature
	Forged                     // not signed with any of the keys
	Late                       // its time is too far in the past, or the Window has already removed the signatures of that time
	Early                      // its time is too far in the future
	Replayed                   // the same datagram was accepted before
	Full                       // the set of signatures is full, so a replay could not be detected
)

// Accepted reports whether the datagram is accepted.
func (v Verdict) Accepted() bool { return v <= AcceptedOld }

// Checker checks datagrams. Each goroutine needs its own Checker. Make it with Window.Checker.
type Checker struct {
	window *Window
	macs   []hash.Hash // one HMAC per key, newest key first
	sum    [sha256.Size]byte
}

// Checker returns a Checker that accepts datagrams signed with one of the keys.
func (w *Window) Checker(keys *Keys) *Checker {
	c := &Checker{window: w}
	for _, key := range keys.all {
		c.macs = append(c.macs, hmac.New(sha256.New, key))
	}
	return c
}

// Check checks a datagram that was received at the time in the parameter now.
func (c *Checker) Check(datagram []byte, now time.Time) Verdict {
	if len(datagram) < Overhead {
		return Unsigned
	}
	key := c.signer(datagram)
	if key < 0 {
		return Forged
	}
	verdict := c.window.judge(stamp{
		at:   binary.LittleEndian.Uint64(datagram[timeAt:]),
		mark: binary.LittleEndian.Uint64(datagram), // the first 8 bytes of the signature
	}, now.Unix())
	if verdict == Accepted && key > 0 {
		return AcceptedOld
	}
	return verdict
}

// signer returns the index of the key that the datagram was signed with, or -1.
func (c *Checker) signer(datagram []byte) int {
	for i, mac := range c.macs {
		mac.Reset()
		mac.Write(datagram[timeAt:])
		if hmac.Equal(mac.Sum(c.sum[:0]), datagram[:timeAt]) {
			return i
		}
	}
	return -1
}
