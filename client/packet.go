package client

import (
	"bytes"
	"sync/atomic"
)

// packet contains complete lines for one write, each with its newline. Many callers can fill it at the same time
// without a lock. Each caller reserves room, writes its lines there, and then counts them as written. A sealed
// packet accepts no more reservations. It is complete when every reserved line is written.
type packet struct {
	reserved atomic.Uint64 // the sealed bit, then 31 bits for lines, then 32 bits for bytes
	written  atomic.Uint64 // number of written lines
	room     []byte        // memory for the text; its length is the maximum packet size

	// The following fields are for the queue and the sender.
	seq   uint64 // number of the packet, in the order of filling
	extra uint64 // number of samples minus number of lines; changed under queue.mu
	text  []byte // in a complete packet, the part of the field room that is not sent yet
	left  amount // numbers of lines and samples in the field text
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

// reserve returns an empty buffer, which the caller must fill with lines. It returns nil if the packet has no
// room.
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

// open lets callers fill a packet that was reset. It also reserves and returns the first buffer, like the method
// reserve. A caller that still has a pointer to the packet from an earlier use may fill the packet too, because
// reserve always uses the current value of the field reserved.
func (p *packet) open(bytes, lines int) []byte {
	p.reserved.Store(uint64(lines)*oneLine + uint64(bytes))
	return p.room[:0:bytes]
}

// seal closes the packet: the method reserve then returns nil.
func (p *packet) seal() { p.reserved.Or(sealed) }

// len returns the number of lines.
func (p *packet) len() uint64 { return linesOf(p.reserved.Load()) }

func (p *packet) amount() amount { return amount{p.len(), p.len() + p.extra} }

// cut removes the first lines from p.text. The parameter size is the length of these lines in bytes. cut returns the
// numbers of removed lines and samples.
func (p *packet) cut(size int) amount {
	lines := uint64(bytes.Count(p.text[:size], []byte{'\n'}))
	taken := amount{lines, lines}
	p.text = p.text[size:]
	if p.extra > 0 { // this case is rare and may be slow: count the samples in the remaining lines
		taken.samples = p.left.samples - min(p.left.samples, samplesIn(p.text))
	}
	p.left = p.left.minus(taken)
	return taken
}

// samplesIn returns the number of values in lines: "t:1:2:3|ms" has three.
func samplesIn(text []byte) (n uint64) {
	for line := range bytes.Lines(text) {
		values, _, _ := bytes.Cut(line, []byte{'|'})
		n += uint64(bytes.Count(values, []byte{':'}))
	}
	return n
}

// complete reports whether p is sealed and no caller is writing to it.
func (p *packet) complete() bool {
	written := p.written.Load() // load written first: callers change it last, so it is never more than linesOf(r)
	r := p.reserved.Load()
	return r >= sealed && linesOf(r) == written
}

// reset prepares a complete packet for reuse.
func (p *packet) reset() {
	p.written.Store(0)
	p.extra = 0
	p.reserved.Store(sealed)
}
