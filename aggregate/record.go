package aggregate

import (
	"encoding/binary"

	"github.com/statsd-ops/statsd/metric"
)

// A record is what a shard knows about one name of one kind: a run of bytes in a page.
// It begins at a multiple of unitBytes. Its words have 8 bytes.
//
//	word 0    bytes 0-3: meta: the name's length, its kind, flags; never changes
//	          bytes 4-7: the number of the last flush that saw the name
//	bytes     the cell of even flushes
//	bytes     the cell of odd flushes
//	bytes     only gauges: what it remembers, see memory
//	bytes     the name, padded to a whole unit
//
// The receiving goroutine writes the cell of the running flush, under the shard's
// lock. The flushing goroutine owns everything else that changes: the other cell, the
// number of the flush, the memory. So neither waits for the other.
//
// A cell of zeroes means that the name was not seen. The functions that add to a cell
// say what its words mean.
const (
	pageBytes  = 256 << 10
	unitBytes  = 4
	pageUnits  = pageBytes / unitBytes
	pageShift  = 16 // log2 of pageUnits
	metaLength = 1<<16 - 1
	metaKind   = 16
	metaTwin   = 1 << 24 // another kind already had this name
	metaUneven = 1 << 25 // see unevenDots
	metaMoved  = 1 << 26 // a rebuild or a start made the record: see marks
	metaHidden = 1 << 27 // samples find it only through an alias: see record.is
	metaClass  = 18      // bits 18 to 23: the class of its ttl, see Rules.TTLs; 0 for none
	metaFlags  = metaTwin | metaUneven | metaMoved | MaxTTLs<<metaClass
)

// MaxTTLs is the maximum length of Rules.TTLs.
const MaxTTLs = 1<<6 - 1

// MaxNameLength is the maximum length of a name, in bytes.
const MaxNameLength = metaLength

// cellBytes is the size of a kind's cell.
var cellBytes = [metric.Kinds]int{metric.Counter: 8, metric.Gauge: gaugeCell, metric.Timer: 2 * 8, metric.Set: 2 * 8}

// nameOffset is where a record's name starts, in bytes.
var nameOffset = [metric.Kinds]int{
	metric.Counter: 8 + 2*8,
	metric.Gauge:   gaugeMemory + memoryBytes,
	metric.Timer:   8 + 2*8*2,
	metric.Set:     8 + 2*8*2,
}

// gaugeMemory is where a gauge's memory starts, in bytes.
const (
	gaugeCell   = 2*8 + 4
	gaugeMemory = 8 + 2*gaugeCell
	memoryBytes = 2*8 + 4
)

// ref is the place of a record: a page and a unit in it. No record is at 0.
type ref uint32

type page = [pageBytes]byte

// pages are the memory of records. They only grow, and a name never changes. So a copy
// of the slice is a stable view of all records so far.
type pages []*page

func (p pages) at(r ref) record {
	return record(p[r>>pageShift][int(r&(pageUnits-1))*unitBytes:])
}

// record is the bytes from a record's start to the end of its page.
type record []byte

func (r record) meta() uint32 { return binary.LittleEndian.Uint32(r) }

func (r record) lastSeen() uint32     { return binary.LittleEndian.Uint32(r[4:]) }
func (r record) setLastSeen(f uint32) { binary.LittleEndian.PutUint32(r[4:], f) }

func (r record) word(off int) uint64       { return binary.LittleEndian.Uint64(r[off:]) }
func (r record) setWord(off int, w uint64) { binary.LittleEndian.PutUint64(r[off:], w) }

func (r record) half(off int) uint32       { return binary.LittleEndian.Uint32(r[off:]) }
func (r record) setHalf(off int, h uint32) { binary.LittleEndian.PutUint32(r[off:], h) }

// name returns the record's name.
func (r record) name() []byte {
	m := r.meta()
	off := nameOffset[kindOf(m)]
	return r[off : off+int(m&metaLength)]
}

// is reports whether samples of a name as received belong to the record. A hidden record is found only by its clean
// name (see named), because rules may treat samples with that name differently.
func (r record) is(kind metric.Kind, name []byte) bool {
	off := nameOffset[kind]
	return r.meta()&^metaFlags == metaOf(kind, name) && string(r[off:off+len(name)]) == string(name)
}

// named reports whether it is the record of a clean name of a kind.
func (r record) named(kind metric.Kind, name []byte) bool {
	off := nameOffset[kind]
	return r.meta()&^(metaFlags|metaHidden) == metaOf(kind, name) && string(r[off:off+len(name)]) == string(name)
}

func kindOf(meta uint32) metric.Kind { return metric.Kind(meta>>metaKind) & 3 }

func metaOf(kind metric.Kind, name []byte) uint32 {
	return uint32(len(name)) | uint32(kind)<<metaKind
}

// cell returns the offset of the cell of a flush.
func cell(kind metric.Kind, flush uint32) int {
	return 8 + int(flush&1)*cellBytes[kind]
}

// seen reports whether the name was seen in a flush.
func (r record) seen(kind metric.Kind, flush uint32) bool {
	off := cell(kind, flush)
	switch kind {
	case metric.Gauge:
		return r.word(off+8) != 0 || r.half(off+16) != 0
	case metric.Timer:
		return r.word(off+8) != 0
	default:
		return r.word(off) != 0
	}
}

// clear empties the cell of a flush.
func (r record) clear(kind metric.Kind, flush uint32) {
	off := cell(kind, flush)
	clear(r[off : off+cellBytes[kind]])
}

// size returns the length of a record in units.
func size(meta uint32) int { return units(nameOffset[kindOf(meta)] + int(meta&metaLength)) }

// units returns how many units a number of bytes takes.
func units(bytes int) int { return (bytes + unitBytes - 1) / unitBytes }
