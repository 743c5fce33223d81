package client

import (
	"encoding/binary"
	"math/rand/v2"
)

// hasher is a multilinear hash function (Lemire and Kaser, "Strongly universal string hashing is fast"). Each
// word is multiplied by a different number, and the multiplications can run in parallel. The numbers are random,
// so that an attacker cannot choose names with the same hash.
type hasher struct{ a, b, c, d uint64 }

func newHasher() *hasher {
	return &hasher{rand.Uint64() | 1, rand.Uint64() | 1, rand.Uint64() | 1, rand.Uint64() | 1}
}

func (m *hasher) sum(h, a, b, c, d uint64) uint64 { return h + (a*m.a + b*m.b + (c*m.c + d*m.d)) }

// mix moves the high bits of a hash to the low bits. The high bits are the most random, and tables use the low
// bits.
func (m *hasher) mix(h uint64) uint64 { return h ^ h>>32 }

// maxWords is the maximum length of a string for the function long, in bytes.
const maxWords = 32

// long returns a string of 8 to 32 bytes as four words. The words can overlap.
func long(s string) (a, b, c, d uint64) {
	n := len(s)
	return word(s), word(s[min(8, n-8):]), word(s[max(0, n-16):]), word(s[n-8:])
}

// short returns a string of less than 8 bytes as two words.
func short(s string) (a, b uint64) {
	switch n := len(s); {
	case n >= 4:
		return half(s), half(s[n-4:])
	case n > 0:
		return uint64(s[0]) | uint64(s[n/2])<<8, uint64(s[n-1])
	}
	return 0, 0
}

func word(s string) uint64 { return binary.LittleEndian.Uint64([]byte(s)) }
func half(s string) uint64 { return uint64(binary.LittleEndian.Uint32([]byte(s))) }

// hash returns the hash of the fields that series.is compares.
func (e *encoded) hash(k kind, name string, tags []string) uint64 {
	h := e.seed + uint64(k)<<32
	for s, i := name, 0; ; i++ {
		h += uint64(len(s))
		if len(s) > maxWords {
			s = s[:min(len(s), maxText)] // longer names are never merged, so they have no series
			for ; len(s) > maxWords; s = s[maxWords:] {
				a, b, c, d := long(s[:maxWords])
				h = e.sum(h, a, b, c, d) * e.b
			}
		}
		var a, b, c, d uint64
		if len(s) < 8 {
			a, b = short(s)
		} else {
			a, b, c, d = long(s)
		}
		h = e.sum(h, a, b, c, d)
		if i == len(tags) {
			return e.mix(h)
		}
		s = tags[i]
		h *= e.b
	}
}

// identity returns a number for the kind and the length of a name. This number and the words of the
// name are the key of a plain sample. The number is never 0.
func identity(k kind, name string) uint64 { return uint64(k)<<32 + uint64(len(name)) }

// plain reports whether a sample without a rate is a plain sample: the sample has no tags, the client has no scope,
// and the name has 1 to maxWords bytes.
func (e *encoded) plain(name string, tags []string) bool {
	return len(tags) == 0 && uint(len(name)-1) < maxWords && e.scope == ""
}
