package nsca

import (
	"bytes"
	"crypto/aes"
	"encoding/hex"
	"math/rand/v2"
	"testing"
)

// TestCFB8 uses the test vector F.3.7 of NIST SP 800-38A, CFB8-AES128.
func TestCFB8(t *testing.T) {
	block, err := aes.NewCipher(unhex(t, "2b7e151628aed2a6abf7158809cf4f3c"))
	if err != nil {
		t.Fatal(err)
	}
	b := unhex(t, "6bc1bee22e409f96e93d7e117393172aae2d")
	encryptCFB8(block, unhex(t, "000102030405060708090a0b0c0d0e0f"), b)
	if want := unhex(t, "3b79424c9c0dd436bace9e0ed4586a4f32b9"); !bytes.Equal(b, want) {
		t.Errorf("got %x, want %x", b, want)
	}
}

// TestRijndaelKnownAnswers uses test vectors for all block sizes. The first vector for each block size is from
// FIPS 197, appendix C. The other vectors are from Brian Gladman's collection, in which digits of pi are
// encrypted with digits of e.
func TestRijndaelKnownAnswers(t *testing.T) {
	const (
		key = "2b7e151628aed2a6abf7158809cf4f3c762e7160f38b4da56a784d9045190cfe"
		pi  = "3243f6a8885a308d313198a2e03707344a4093822299f31d0082efa98ec4e6c8"
	)
	for _, c := range []struct{ key, plain, cipher string }{
		{"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
			"00112233445566778899aabbccddeeff", "8ea2b7ca516745bfeafc49904b496089"},
		{key[:32], pi, "7d15479076b69a46ffb3b3beae97ad8313f622f67fedb487de9f06b9ed9c8f19"},
		{key[:48], pi, "5d7101727bb25781bf6715b0e6955282b9610e23a43c2eb062699f0ebf5887b2"},
		{key, pi, "a49406115dfb30a40418aafa4869b7c6a886ff31602a7dd19c889dc64f7e4e7a"},
		{key[:32], pi[:48], "b24d275489e82bb8f7375e0d5fcdb1f481757c538b65148a"},
		{key[:48], pi[:48], "725ae43b5f3161de806a7c93e0bca93c967ec1ae1b71e1cf"},
		{key, pi[:48], "0ebacf199e3315c2e34b24fcc7c46ef4388aa475d66c194c"},
	} {
		plain := unhex(t, c.plain)
		got := make([]byte, len(plain))
		newRijndael(len(plain), unhex(t, c.key)).Encrypt(got, plain)
		if want := unhex(t, c.cipher); !bytes.Equal(got, want) {
			t.Errorf("%d-byte block, %d-byte key: got %x, want %x", len(plain), len(c.key)/2, got, want)
		}
	}
}

// TestRijndaelIsAES checks that Rijndael with blocks of 16 bytes gives the same results as
// crypto/aes.
func TestRijndaelIsAES(t *testing.T) {
	random := rand.NewChaCha8([32]byte{})
	for range 200 {
		for _, size := range []int{16, 24, 32} {
			key, plain := make([]byte, size), make([]byte, 16)
			_, _ = random.Read(key) // random.Read never fails
			_, _ = random.Read(plain)
			got, want := make([]byte, 16), make([]byte, 16)
			newRijndael(16, key).Encrypt(got, plain)
			block, err := aes.NewCipher(key)
			if err != nil {
				t.Fatal(err)
			}
			block.Encrypt(want, plain)
			if !bytes.Equal(got, want) {
				t.Fatalf("key %x, block %x: got %x, crypto/aes has %x", key, plain, got, want)
			}
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
