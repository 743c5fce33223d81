package spool

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"os"

	"github.com/statsd-ops/statsd/internal/safefile"
)

// positionFile stores the number of the first undelivered point. It has two slots, which are
// written alternately. So an interrupted write damages only one of them. The slot with the higher
// number is used.
type positionFile struct {
	path    string
	file    *os.File
	canSave bool // whether file is open for writing
	number  uint64
	unsaved bool  // whether number is not in the file yet
	slot    int64 // the slot to write at the next save
}

const slotSize = 12 // a number as uint64, and the CRC-32C of the number as uint32

// openPosition opens the file at path, or creates it. An unreadable file is treated like a new
// file.
func openPosition(path string) (*positionFile, error) {
	p := &positionFile{path: path}
	err := p.openToSave()
	if os.IsPermission(err) || isReadOnly(err) {
		p.file, err = safefile.Open(path, os.O_RDONLY, 0) // without write access, the stored points can still be delivered
	}
	if err != nil {
		return nil, err
	}
	for slot := range int64(2) {
		var b [slotSize]byte
		n, err := p.file.ReadAt(b[:], slot*slotSize)
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

func (p *positionFile) openToSave() error {
	file, err := safefile.Open(p.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	closeFile(&p.file)
	p.file, p.canSave = file, true
	return nil
}

// advance sets the number if the new number is higher, and saves it.
func (p *positionFile) advance(number uint64) error {
	if number > p.number {
		p.number, p.unsaved = number, true
	}
	return p.save()
}

// save writes the number to the file, unless the file already contains it.
func (p *positionFile) save() error {
	if !p.unsaved {
		return nil
	}
	if !p.canSave {
		if err := p.openToSave(); err != nil {
			return err
		}
	}
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, slotSize), p.number)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	if _, err := p.file.WriteAt(b, p.slot*slotSize); err != nil {
		return err
	}
	p.slot, p.unsaved = 1-p.slot, false
	return nil
}
