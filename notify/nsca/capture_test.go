package nsca

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"testing"
)

// capturePassword is the password for the recorded packets in testdata.
const capturePassword = "s3cret"

func TestRealPackets(t *testing.T) {
	load := result{state: 2, host: "web1", service: "cpu load", text: "CPU too high: 97"}
	for _, c := range []struct {
		name   string
		method Method
		size   int
		want   []result
	}{
		{"method-00", None, 4304, []result{load}},
		{"method-01", XOR, 4304, []result{load}},
		{"method-01-legacy27", XOR, 720, []result{load}},
		{"method-01-host-check", XOR, 4304, []result{{state: 1, host: "web1", text: "host degraded"}}},
		{"method-02", DES, 4304, []result{load}},
		{"method-03", TripleDES, 4304, []result{load}},
		{"method-03-two-packets", TripleDES, 4304, []result{
			{host: "a", service: "s1", text: "one"}, {state: 1, host: "b", service: "s2", text: "two"}}},
		{"method-04", CAST128, 4304, []result{load}},
		{"method-06", XTEA, 4304, []result{load}},
		{"method-08", Blowfish, 4304, []result{load}},
		{"method-09", Twofish, 4304, []result{load}},
		{"method-14", Rijndael128, 4304, []result{load}},
		{"method-15", Rijndael192, 4304, []result{load}},
		{"method-16", Rijndael256, 4304, []result{load}},
	} {
		t.Run(c.name, func(t *testing.T) {
			init, data := readCapture(t, c.name, ".init"), readCapture(t, c.name, ".data")
			if len(init) != initSize || len(data) != c.size*len(c.want) {
				t.Fatalf("%d and %d bytes", len(init), len(data))
			}
			plain := bytes.Clone(data)
			c.method.decrypt(t, plain, init[:ivSize], capturePassword)
			again := bytes.Clone(plain)
			for i, want := range c.want {
				want.time = binary.BigEndian.Uint32(init[ivSize:])
				if got := decode(t, plain[i*c.size:][:c.size]); got != want {
					t.Errorf("packet %d is %+v, not %+v", i, got, want)
				}
				// put keeps the random bytes of send_nsca's packet, so that the two packets can be compared.
				want.put(again[i*c.size:][:c.size])
			}
			if err := c.method.encrypt(again, init[:ivSize], capturePassword); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(again, data) {
				t.Error("our packet is not send_nsca's")
			}
		})
	}
}

func readCapture(t *testing.T, name, suffix string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/wire/" + name + suffix)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// decode parses an unencrypted packet, with the same checks as nsca.
func decode(t *testing.T, packet []byte) result {
	t.Helper()
	if v := binary.BigEndian.Uint16(packet); v != 3 {
		t.Fatalf("packet version %d", v)
	}
	zeroed := bytes.Clone(packet)
	copy(zeroed[4:8], "\x00\x00\x00\x00")
	if sum, want := binary.BigEndian.Uint32(packet[4:]), crc32.ChecksumIEEE(zeroed); sum != want {
		t.Fatalf("CRC %08x, not %08x", sum, want)
	}
	return result{
		time:    binary.BigEndian.Uint32(packet[8:]),
		state:   binary.BigEndian.Uint16(packet[12:]),
		host:    cString(t, packet[14:78]),
		service: cString(t, packet[78:206]),
		text:    cString(t, packet[206:len(packet)-2]),
	}
}

func cString(t *testing.T, field []byte) string {
	t.Helper()
	s, _, found := bytes.Cut(field, []byte{0})
	if !found {
		t.Fatalf("no NUL in %q", field)
	}
	return string(s)
}

// decrypt reverses encrypt.
func (m Method) decrypt(t *testing.T, b, iv []byte, password string) {
	t.Helper()
	if m == None || m == XOR { // these methods are their own inverse
		if err := m.encrypt(b, iv, password); err != nil {
			t.Fatal(err)
		}
		return
	}
	block, err := m.newCipher(password)
	if err != nil {
		t.Fatal(err)
	}
	register := bytes.Clone(iv[:block.BlockSize()])
	for i, c := range b {
		pad := make([]byte, len(register))
		block.Encrypt(pad, register)
		b[i] ^= pad[0]
		register = append(register[1:], c)
	}
}
