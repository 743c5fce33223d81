// Package signed checks signed datagrams, in the format of brubeck's statsd-secure:
//
//	bytes   0-31  HMAC-SHA256 of all bytes that follow
//	bytes  32-39  when it was signed: Unix seconds, little-endian
//	bytes  40-43  a nonce, so that equal lines have different signatures; any bytes
//	bytes  44-    lines
//
// All receivers of a listener share a Window, and each goroutine has a Checker:
//
//	keys, err := signed.ReadKeys("/etc/statsd/keys")
//	window := signed.NewWindow(3 * time.Second)
//	checker := window.Checker(keys)
//	if verdict := checker.Check(datagram, time.Now()); verdict.Accepted() {
//		lines := datagram[signed.Overhead:]
//
// A datagram is accepted once, if one of the keys signed it and its time differs from the daemon's time by
// at most the drift. A Window remembers the signatures of that time. A restart forgets them.
package signed

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"time"
)

// Overhead is the number of bytes before the lines.
const Overhead = nonceAt + 4

// The offsets of the fields.
const (
	timeAt  = sha256.Size
	nonceAt = timeAt + 8
)

// Verdict says whether a datagram is accepted. If not, it is the reason.
type Verdict uint8

// The verdicts.
const (
	Accepted    Verdict = iota // the first key signed it
	AcceptedOld                // another key signed it
	Unsigned                   // too short for a signature
	Forged                     // no key signed it
	Late                       // its time is too old, or its signature may already be forgotten
	Early                      // its time is in the future
	Replayed                   // it was accepted before
	Full                       // too many signatures are remembered, so this one may be a replay
)

// Accepted reports whether the datagram is accepted.
func (v Verdict) Accepted() bool { return v <= AcceptedOld }

// Checker checks datagrams for one goroutine. Make it with Window.Checker.
type Checker struct {
	window *Window
	macs   []hash.Hash // one for each key, newest first
	sum    [sha256.Size]byte
}

// Checker returns a Checker for datagrams that one of the keys has signed.
func (w *Window) Checker(keys *Keys) *Checker {
	c := &Checker{window: w}
	for _, key := range keys.all {
		c.macs = append(c.macs, hmac.New(sha256.New, key))
	}
	return c
}

// Check decides about a datagram that was read at the time now.
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
		mark: binary.LittleEndian.Uint64(datagram), // the signature's first bytes
	}, now.Unix())
	if verdict == Accepted && key > 0 {
		return AcceptedOld
	}
	return verdict
}

// signer returns the index of the key that signed the datagram, or -1.
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
