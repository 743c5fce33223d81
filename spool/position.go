package spool

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"os"

	"github.com/statsd-ops/statsd/internal/safefile"
)

// positionFile stores the number of the first undelivered point. It has two slots, written in turn,
// so that a torn write leaves the other one intact. The higher number counts.
type positionFile struct {
	path    string
	file    *os.File
	canSave bool // file is open for writing
	number  uint64
	unsaved bool  // number is not yet in the file
	slot    int64 // the slot to write next
}

const slotSize = 12 // uint64 number, uint32 CRC-32C of it

// openPosition reads the file at path or creates it. An unreadable file counts as new.
func openPosition(path string) (*positionFile, error) {
	p := &positionFile{path: path}
	err := p.openToSave()
	if os.IsPermission(err) || isReadOnly(err) {
		p.file, err = safefile.Open(path, os.O_RDONLY, 0) // a read-only file is enough to deliver the spooled points
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

// advance sets the number, if it is higher, and saves it.
func (p *positionFile) advance(number uint64) error {
	if number > p.number {
		p.number, p.unsaved = number, true
	}
	return p.save()
}

// save writes the number to the file, if it is not there yet.
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
