package nsca

import (
	"fmt"
	"strings"
)

// Method is the encryption method for packets, as in send_nsca's setting encryption_method.
type Method int

// The supported methods. All methods except None and XOR are block ciphers of libmcrypt in 8-bit CFB mode.
// Rijndael128 is AES-256: libmcrypt names Rijndael by its block size, and always uses the longest key.
const (
	None        Method = 0
	XOR         Method = 1
	DES         Method = 2
	TripleDES   Method = 3
	CAST128     Method = 4
	XTEA        Method = 6
	Blowfish    Method = 8
	Twofish     Method = 9
	Rijndael128 Method = 14
	Rijndael192 Method = 15
	Rijndael256 Method = 16
)

// methods lists all encryption methods of send_nsca by number, with libmcrypt's names. The methods that this package
// does not support are seldom used, or do not work in libmcrypt.
var methods = [...]struct {
	name      string
	supported bool
	keySize   int // size of the key in bytes
}{
	None:        {"none", true, 0},
	XOR:         {"xor", true, 0},
	DES:         {"des", true, 8},
	TripleDES:   {"tripledes", true, 24},
	CAST128:     {"cast-128", true, 16},
	5:           {"cast-256", false, 0},
	XTEA:        {"xtea", true, 16},
	7:           {"threeway", false, 0},
	Blowfish:    {"blowfish", true, 56},
	Twofish:     {"twofish", true, 32},
	10:          {"loki97", false, 0},
	11:          {"rc2", false, 0},
	12:          {"arcfour", false, 0},
	Rijndael128: {"rijndael-128", true, 32},
	Rijndael192: {"rijndael-192", true, 32},
	Rijndael256: {"rijndael-256", true, 32},
	19:          {"wake", false, 0},
	20:          {"serpent", false, 0},
	22:          {"enigma", false, 0},
	23:          {"gost", false, 0},
	24:          {"safer-sk64", false, 0},
	25:          {"safer-sk128", false, 0},
	26:          {"saferplus", false, 0},
}

// String returns the number and libmcrypt's name, such as "14 (rijndael-128)".
func (m Method) String() string {
	if m < 0 || int(m) >= len(methods) || methods[m].name == "" {
		return fmt.Sprint(int(m))
	}
	return fmt.Sprintf("%d (%s)", int(m), methods[m].name)
}

// check returns an error if this package does not support m.
func (m Method) check() error {
	if m >= 0 && int(m) < len(methods) && methods[m].supported {
		return nil
	}
	var known []string
	for i, method := range methods {
		if method.supported {
			known = append(known, Method(i).String())
		}
	}
	return fmt.Errorf("encryption_method %v is not supported; the supported methods are: %s", m, strings.Join(known, ", "))
}
