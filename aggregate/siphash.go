package aggregate

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
)

// memberKey is the key with which the members of sets are hashed. The hash is SipHash-1-3 (J.-P.
// Aumasson, D. Bernstein, "SipHash: a fast short-input PRF", 2012). Tables with the same key can be
// merged. Clients do not know the key, so they cannot choose members with equal hashes.
type memberKey [2]uint64

// newMemberKey returns the configured key, or a random key if the configured key is zero.
func newMemberKey(key [16]byte) memberKey {
	if key == ([16]byte{}) {
		rand.Read(key[:])
	}
	return memberKey{binary.LittleEndian.Uint64(key[:8]), binary.LittleEndian.Uint64(key[8:])}
}

// member returns the hash of a member, which is never 0.
func (k *memberKey) member(member []byte) uint64 { return max(k.hash(member), 1) }

func (k *memberKey) hash(p []byte) uint64 {
	v0, v1 := k[0]^0x736f6d6570736575, k[1]^0x646f72616e646f6d
	v2, v3 := k[0]^0x6c7967656e657261, k[1]^0x7465646279746573
	last := uint64(len(p)) << 56
	for ; len(p) >= 8; p = p[8:] {
		m := binary.LittleEndian.Uint64(p)
		v3 ^= m
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
		v0 ^= m
	}
	switch n := len(p); {
	case n >= 4: // the two halves overlap if n < 8
		last |= uint64(binary.LittleEndian.Uint32(p)) | uint64(binary.LittleEndian.Uint32(p[n-4:]))<<(8*(n-4))
	case n > 0:
		last |= uint64(p[0]) | uint64(p[n/2])<<(8*(n/2)) | uint64(p[n-1])<<(8*(n-1))
	}
	v3 ^= last
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0 ^= last
	v2 ^= 0xff
	for range 3 {
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	}
	return v0 ^ v1 ^ v2 ^ v3
}

func sipRound(v0, v1, v2, v3 uint64) (_, _, _, _ uint64) {
	v0 += v1
	v2 += v3
	v1 = bits.RotateLeft64(v1, 13) ^ v0
	v3 = bits.RotateLeft64(v3, 16) ^ v2
	v0 = bits.RotateLeft64(v0, 32) + v3
	v2 += v1
	v1 = bits.RotateLeft64(v1, 17) ^ v2
	v3 = bits.RotateLeft64(v3, 21) ^ v0
	return v0, v1, bits.RotateLeft64(v2, 32), v3
}
