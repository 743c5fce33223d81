package nsca

//lint:file-ignore SA1019 the NSCA daemon determines the cipher, and supports only these old ones

import (
	"crypto/aes"
	"crypto/des"
	"fmt"

	"golang.org/x/crypto/blowfish" //nolint:staticcheck // the daemon chooses
	"golang.org/x/crypto/cast5"    //nolint:staticcheck // the daemon chooses
	"golang.org/x/crypto/twofish"  //nolint:staticcheck // the daemon chooses
	"golang.org/x/crypto/xtea"     //nolint:staticcheck // the daemon chooses
)

// encrypter is the part of cipher.Block that CFB mode needs. CFB mode decrypts with Encrypt too.
type encrypter interface {
	BlockSize() int
	Encrypt(dst, src []byte)
}

// newCipher returns the block cipher of m. The key is the password, truncated or padded with zero bytes to the
// longest key size of the cipher.
func (m Method) newCipher(password string) (encrypter, error) {
	key := make([]byte, methods[m].keySize)
	copy(key, password)
	switch m {
	case DES:
		return des.NewCipher(key)
	case TripleDES:
		return des.NewTripleDESCipher(key)
	case CAST128:
		return cast5.NewCipher(key)
	case XTEA:
		return xtea.NewCipher(key)
	case Blowfish:
		return blowfish.NewCipher(key)
	case Twofish:
		return twofish.NewCipher(key)
	case Rijndael128:
		return aes.NewCipher(key)
	case Rijndael192:
		return newRijndael(24, key), nil
	case Rijndael256:
		return newRijndael(32, key), nil
	}
	return nil, fmt.Errorf("encryption_method %v is not a block cipher", m)
}
