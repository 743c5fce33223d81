package spool

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"os"
)

// positionFile keeps the number of the first undelivered point. It has two slots,
// written in turn, so that a torn write leaves the other; the higher one counts.
type positionFile struct {
	file   *os.File
	number uint64
	slot   int64 // the one to be written next
}

const slotSize = 12 // uint64 number, uint32 CRC-32C of it

// openPosition reads the file at path, or makes one. One that cannot be made to
// sense of counts as new.
func openPosition(path string) (*positionFile, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if os.IsPermission(err) || isReadOnly(err) {
		file, err = os.Open(path) // it can be read out all the same
	}
	if err != nil {
		return nil, err
	}
	p := &positionFile{file: file}
	for slot := range int64(2) {
		var b [slotSize]byte
		n, err := file.ReadAt(b[:], slot*slotSize)
		if err != nil && err != io.EOF {
			closeFile(&p.file)
			return nil, err
		}
		number := binary.LittleEndian.Uint64(b[:])
		if n == slotSize && binary.LittleEndian.Uint32(b[8:]) == crc32.Checksum(b[:8], castagnoli) && number > p.number {
			p.number, p.slot = number, 1-slot
		}
	}
	return p, nil
}

// advance sets the number, if it is higher.
func (p *positionFile) advance(number uint64) error {
	if number <= p.number {
		return nil
	}
	p.number = number
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, slotSize), number)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	if _, err := p.file.WriteAt(b, p.slot*slotSize); err != nil {
		return err
	}
	p.slot = 1 - p.slot
	return nil
}
