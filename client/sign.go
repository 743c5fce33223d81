package client

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math/rand/v2"
	"time"
)

// signedOverhead is the number of bytes that a signature adds to a datagram: an HMAC-SHA256, the time in Unix
// seconds and a nonce. The format is the same as in brubeck.
const signedOverhead = sha256.Size + 8 + 4

// signer signs datagrams. Only the sender's goroutine uses it.
type signer struct {
	mac hash.Hash
	// nonce makes the signatures of equal lines differ. It starts at a random number, so that processes with the
	// same key use different nonces.
	nonce uint32
	buf   []byte
}

func newSigner(key []byte) *signer {
	return &signer{mac: hmac.New(sha256.New, key), nonce: rand.Uint32()}
}

// sign returns a signed datagram with lines. It is valid until the next call.
func (s *signer) sign(lines []byte, now time.Time) []byte {
	s.nonce++
	b := append(s.buf[:0], make([]byte, sha256.Size)...)
	b = binary.LittleEndian.AppendUint64(b, uint64(now.Unix()))
	b = binary.LittleEndian.AppendUint32(b, s.nonce)
	b = append(b, lines...)
	s.mac.Reset()
	s.mac.Write(b[sha256.Size:])
	s.mac.Sum(b[:0])
	s.buf = b
	return b
}
