package client

import "sync/atomic"

// packet is whole lines, each ended by a newline, on their way to one write.
// Any number of callers fill it at a time without a lock: each reserves a place,
// writes its lines there, and says that it has. A sealed packet has no more
// places. It is complete when all that were reserved are written.
type packet struct {
	reserved atomic.Uint64 // sealed, then 31 bits of lines, then 32 of bytes
	written  atomic.Uint64 // lines
	room     []byte        // of the size limit

	// For the queue and the sender.
	seq   uint64 // packets are numbered in the order in which they are filled
	text  []byte // part of room: what is left to be sent, once the packet is complete
	lines int    // in text
}

const (
	sealed  = 1 << 63
	oneLine = 1 << 32
)

func linesOf(reserved uint64) uint64 { return reserved &^ sealed / oneLine }
func bytesOf(reserved uint64) int    { return int(uint32(reserved)) }

// newPacket returns one that is sealed and empty.
func newPacket(size int) *packet {
	p := &packet{room: make([]byte, size)}
	p.reserved.Store(sealed)
	return p
}

// reserve returns an empty buffer with room for so many bytes of so many lines,
// which must be filled, or nil if the packet has no such place.
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

// open lets callers fill a packet that is as reset left it, and returns the first
// place, as reserve does. A caller that still knows the packet from an earlier use
// may fill it too: it goes by what reserved says now, not by what it saw then.
func (p *packet) open(bytes, lines int) []byte {
	p.reserved.Store(uint64(lines)*oneLine + uint64(bytes))
	return p.room[:0:bytes]
}

// seal ends the filling and returns how many lines there are.
func (p *packet) seal() uint64 { return linesOf(p.reserved.Or(sealed)) }

func (p *packet) len() uint64 { return linesOf(p.reserved.Load()) }

// complete reports whether p is sealed and nobody still writes to it.
func (p *packet) complete() bool {
	written := p.written.Load() // first, since places are reserved before they are written
	r := p.reserved.Load()
	return r >= sealed && linesOf(r) == written
}

// reset makes a complete packet as newPacket does.
func (p *packet) reset() {
	p.written.Store(0)
	p.reserved.Store(sealed)
}
