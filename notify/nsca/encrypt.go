package nsca

// encrypt encrypts a packet in place. iv contains the 128 bytes that the daemon sent. Each method uses as many of
// these bytes as it needs.
func (m Method) encrypt(packet, iv []byte, password string) error {
	switch m {
	case None:
		return nil
	case XOR:
		xor(packet, iv)
		xor(packet, []byte(password))
		return nil
	}
	block, err := m.newCipher(password)
	if err != nil {
		return err
	}
	encryptCFB8(block, iv, packet)
	return nil
}

// xor replaces b by the XOR of b and the pattern. The pattern is repeated up to the length of b.
func xor(b, pattern []byte) {
	if len(pattern) == 0 {
		return
	}
	for i := range b {
		b[i] ^= pattern[i%len(pattern)]
	}
}

// encryptCFB8 encrypts b in place with 8-bit cipher feedback (NIST SP 800-38A, section 6.3), which crypto/cipher
// does not implement. Each byte needs the encryption of one block. The encrypted byte is then shifted into the
// register.
func encryptCFB8(block encrypter, iv, b []byte) {
	size := block.BlockSize()
	register := append([]byte(nil), iv[:size]...)
	pad := make([]byte, size)
	for i := range b {
		block.Encrypt(pad, register)
		b[i] ^= pad[0]
		copy(register, register[1:])
		register[size-1] = b[i]
	}
}
