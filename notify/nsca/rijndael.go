package nsca

import "math/bits"

// rijndael is the cipher Rijndael as it was submitted (Daemen and Rijmen, "AES Proposal: Rijndael", 1999), with
// blocks of 16, 24 or 32 bytes. AES and crypto/aes support only blocks of 16 bytes. This implementation is slow,
// and its timing depends on the key. It is used only for about one packet per minute.
type rijndael struct {
	sbox   [256]byte
	shifts [4]int   // for each row, the number of columns by which it is shifted to the left
	keys   [][]byte // round keys of the block's size: one that is used before the first round, and one for each round
}

// newRijndael returns the cipher for a block of 16, 24 or 32 bytes and a key of 16, 24 or 32 bytes.
func newRijndael(blockSize int, key []byte) *rijndael {
	r := &rijndael{sbox: makeSbox(), shifts: [4]int{0, 1, 2, 3}}
	if blockSize == 32 {
		r.shifts = [4]int{0, 1, 3, 4}
	}
	rounds := max(blockSize, len(key))/4 + 6
	schedule := r.expand(key, blockSize*(rounds+1))
	for ; len(schedule) > 0; schedule = schedule[blockSize:] {
		r.keys = append(r.keys, schedule[:blockSize])
	}
	return r
}

func (r *rijndael) BlockSize() int { return len(r.keys[0]) }

// Encrypt encrypts the first block of src into dst. The state is stored in columns of four bytes, as in the AES
// proposal.
func (r *rijndael) Encrypt(dst, src []byte) {
	size := r.BlockSize()
	state, next := make([]byte, size), make([]byte, size)
	copy(state, src)
	xor(state, r.keys[0])
	for round, key := range r.keys[1:] {
		for i := range next { // the steps ByteSub and ShiftRow
			next[i] = r.sbox[state[(i+4*r.shifts[i%4])%size]]
		}
		if round < len(r.keys)-2 {
			mixColumns(next)
		}
		xor(next, key)
		state, next = next, state
	}
	copy(dst, state)
}

// expand returns a key schedule of at least size bytes.
func (r *rijndael) expand(key []byte, size int) []byte {
	w := append([]byte(nil), key...)
	for rcon := byte(1); len(w) < size; rcon = double(rcon) {
		for i := 0; i < len(key) && len(w) < size; i += 4 {
			var t [4]byte
			copy(t[:], w[len(w)-4:])
			switch {
			case i == 0:
				t = [4]byte{r.sbox[t[1]] ^ rcon, r.sbox[t[2]], r.sbox[t[3]], r.sbox[t[0]]}
			case i == 16 && len(key) > 24:
				t = [4]byte{r.sbox[t[0]], r.sbox[t[1]], r.sbox[t[2]], r.sbox[t[3]]}
			}
			xor(t[:], w[len(w)-len(key):][:4])
			w = append(w, t[:]...)
		}
	}
	return w
}

func mixColumns(state []byte) {
	for ; len(state) > 0; state = state[4:] {
		a, b, c, d := state[0], state[1], state[2], state[3]
		all := a ^ b ^ c ^ d
		state[0] ^= all ^ double(a^b)
		state[1] ^= all ^ double(b^c)
		state[2] ^= all ^ double(c^d)
		state[3] ^= all ^ double(d^a)
	}
}

// double multiplies by x in GF(2^8) modulo x^8+x^4+x^3+x+1.
func double(b byte) byte {
	return b<<1 ^ b>>7*0x1b
}

// makeSbox computes the substitution table: the inverse in GF(2^8), and then an affine transformation. It uses
// the powers of the generator 3 to find the inverse of each element.
func makeSbox() (sbox [256]byte) {
	var power [255]byte
	for i, p := 0, byte(1); i < len(power); i++ {
		power[i] = p
		p ^= double(p)
	}
	for i, p := range power {
		sbox[p] = affine(power[(255-i)%255])
	}
	sbox[0] = affine(0)
	return sbox
}

func affine(b byte) byte {
	s := b
	for n := 1; n <= 4; n++ {
		s ^= bits.RotateLeft8(b, n)
	}
	return s ^ 0x63
}
