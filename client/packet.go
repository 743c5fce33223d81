package client

import (
	"bytes"
	"sync/atomic"
)

// packet holds whole lines, each with its newline, for one write. Many callers
// fill it at once without a lock: each reserves a place, writes its lines there,
// and counts them as written. A sealed packet has no more places. It is complete when every reserved line is written.
type packet struct {
	reserved atomic.Uint64 // sealed, then 31 bits of lines, then 32 of bytes
	written  atomic.Uint64 // lines
	room     []byte        // as large as a packet may be

	// The fields below are for the queue and the sender.
	seq   uint64 // numbers packets in the order of filling
	extra uint64 // number of samples minus number of lines; changed under queue.mu
	text  []byte // the part of room that is still to be sent, once complete
	left  amount // lines in text
}

const (
	sealed  = 1 << 63
	oneLine = 1 << 32
)

func linesOf(reserved uint64) uint64 { return reserved &^ sealed / oneLine }
func bytesOf(reserved uint64) int    { return int(uint32(reserved)) }

// newPacket returns an empty sealed packet.
func newPacket(size int) *packet {
	p := &packet{room: make([]byte, size)}
	p.reserved.Store(sealed)
	return p
}

// reserve returns an empty buffer for lines, which the caller must fill, or nil
// if the packet has no room.
func (p *packet) reserve(bytes, lines int) []byte {
	for {
		r := p.reserved.Load()
		at := bytesOf(r)
		if r >= sealed || bytes > len(p.room)-at {
			return nil
		}
		if p.reserved.CompareAndSwap(r, r+uint64(lines)*oneLine+uint64(bytes)) {
			return p.room[at : at : at+bytes]
		}
	}
}

// open lets callers fill a packet that was reset, and returns the first place, like reserve. A caller that remembers
// the packet from an earlier use may fill it too, because it reads reserved again.
func (p *packet) open(bytes, lines int) []byte {
	p.reserved.Store(uint64(lines)*oneLine + uint64(bytes))
	return p.room[:0:bytes]
}

// seal ends the filling.
func (p *packet) seal() { p.reserved.Or(sealed) }

// len returns the number of lines.
func (p *packet) len() uint64 { return linesOf(p.reserved.Load()) }

func (p *packet) amount() amount { return amount{p.len(), p.len() + p.extra} }

// cut removes complete lines from the start of the text and returns their number.
func (p *packet) cut(size int) amount {
	lines := uint64(bytes.Count(p.text[:size], []byte{'\n'}))
	taken := amount{lines, lines}
	p.text = p.text[size:]
	if p.extra > 0 { // rare, so it may be slow: count the samples in the rest
		taken.samples = p.left.samples - min(p.left.samples, samplesIn(p.text))
	}
	p.left = p.left.minus(taken)
	return taken
}

// samplesIn counts the values in lines: "t:1:2:3|ms" has three.
func samplesIn(text []byte) (n uint64) {
	for line := range bytes.Lines(text) {
		values, _, _ := bytes.Cut(line, []byte{'|'})
		n += uint64(bytes.Count(values, []byte{':'}))
	}
	return n
}

// complete reports whether p is sealed and no caller still writes to it.
func (p *packet) complete() bool {
	written := p.written.Load() // read written first: places are reserved before they are written
	r := p.reserved.Load()
	return r >= sealed && linesOf(r) == written
}

// reset makes a complete packet like a new one.
func (p *packet) reset() {
	p.written.Store(0)
	p.extra = 0
	p.reserved.Store(sealed)
}
