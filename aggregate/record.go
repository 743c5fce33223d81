package aggregate

import (
	"encoding/binary"

	"github.com/statsd-ops/statsd/metric"
)

// A record holds the data of one name of one kind in a shard. It is a run of bytes in a page, and begins at a
// multiple of unitBytes. A word has 8 bytes.
//
//	word 0    bytes 0-3: meta: the name's length, its kind, flags; never changes
//	          bytes 4-7: the number of the last flush with a sample of the name
//	then      the cell for the flushes with an even number
//	          the cell for the flushes with an odd number
//	          only for gauges: the memory, which keeps the gauge's value between flushes
//	          the name, padded to a multiple of unitBytes
//
// The receiving goroutine writes the cell of the current flush interval, under the shard's lock. The flushing goroutine
// writes the rest: the other cell, the number of the flush, and the memory of a gauge. So the two goroutines do not
// wait for each other.
//
// A cell with all bytes zero means that there is no sample of the name. The comments of the functions that add to
// a cell say what the words of the cell mean.
const (
	pageBytes  = 256 << 10
	unitBytes  = 4
	pageUnits  = pageBytes / unitBytes
	pageShift  = 16 // log2 of the number of units in a page
	metaLength = 1<<16 - 1
	metaKind   = 16
	metaTwin   = 1 << 24 // when the record was made, another kind already had a record with the same name
	metaUneven = 1 << 25 // Graphite may remove dots from the name; see unevenDots
	metaMoved  = 1 << 26 // the name is older than the record, which was moved by a rebuild or added by Recall; see marks
	metaHidden = 1 << 27 // samples find the record only through an alias; see record.is
	metaClass  = 18      // bits 18 to 23: the class of the name's ttl, see Rules.TTLs; 0 for no ttl
	metaFlags  = metaTwin | metaUneven | metaMoved | MaxTTLs<<metaClass
)

// MaxTTLs is the maximum length of Rules.TTLs.
const MaxTTLs = 1<<6 - 1

// MaxNameLength is the maximum length of a name, in bytes.
const MaxNameLength = metaLength

// cellBytes is the size of a cell in bytes, for each kind of metric. A cell holds the values of a name in one
// flush interval.
var cellBytes = [metric.Kinds]int{metric.Counter: 8, metric.Gauge: gaugeCell, metric.Timer: 2 * 8, metric.Set: 2 * 8}

// nameOffset is the offset of the name in a record, in bytes.
var nameOffset = [metric.Kinds]int{
	metric.Counter: 8 + 2*8,
	metric.Gauge:   gaugeMemory + memoryBytes,
	metric.Timer:   8 + 2*8*2,
	metric.Set:     8 + 2*8*2,
}

// gaugeMemory is the offset of the memory in a gauge's record, in bytes.
const (
	gaugeCell   = 2*8 + 4
	gaugeMemory = 8 + 2*gaugeCell
	memoryBytes = 2*8 + 4
)

// ref identifies a record: it is the number of a page and of a unit in the page. No record has the
// ref 0.
type ref uint32

type page = [pageBytes]byte

// pages hold the records. The slice only grows, and a name never changes. So a copy of the slice is
// a stable view of all records that exist at the time of the copy.
type pages []*page

func (p pages) at(r ref) record {
	return record(p[r>>pageShift][int(r&(pageUnits-1))*unitBytes:])
}

// record is the memory from a record's start to the end of its page.
type record []byte

func (r record) meta() uint32 { return binary.LittleEndian.Uint32(r) }

func (r record) lastSeen() uint32     { return binary.LittleEndian.Uint32(r[4:]) }
func (r record) setLastSeen(f uint32) { binary.LittleEndian.PutUint32(r[4:], f) }

func (r record) word(off int) uint64       { return binary.LittleEndian.Uint64(r[off:]) }
func (r record) setWord(off int, w uint64) { binary.LittleEndian.PutUint64(r[off:], w) }

func (r record) half(off int) uint32       { return binary.LittleEndian.Uint32(r[off:]) }
func (r record) setHalf(off int, h uint32) { binary.LittleEndian.PutUint32(r[off:], h) }

func (r record) name() []byte {
	m := r.meta()
	off := nameOffset[kindOf(m)]
	return r[off : off+int(m&metaLength)]
}

// is reports whether a sample with this kind and this name as received belongs to the record. It returns false for a
// hidden record even if the names are equal, because a rule may rename or drop such a sample. To find a hidden record
// by its clean name, use the method named.
func (r record) is(kind metric.Kind, name []byte) bool {
	off := nameOffset[kind]
	return r.meta()&^metaFlags == metaOf(kind, name) && string(r[off:off+len(name)]) == string(name)
}

// named reports whether the record has this kind and this clean name.
func (r record) named(kind metric.Kind, name []byte) bool {
	off := nameOffset[kind]
	return r.meta()&^(metaFlags|metaHidden) == metaOf(kind, name) && string(r[off:off+len(name)]) == string(name)
}

func kindOf(meta uint32) metric.Kind { return metric.Kind(meta>>metaKind) & 3 }

func metaOf(kind metric.Kind, name []byte) uint32 {
	return uint32(len(name)) | uint32(kind)<<metaKind
}

// cell returns the offset of a record's cell for a flush. Flushes use the two cells of a record alternately.
func cell(kind metric.Kind, flush uint32) int {
	return 8 + int(flush&1)*cellBytes[kind]
}

// seen reports whether the name has a sample in a flush.
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

// clear empties the cell for a flush.
func (r record) clear(kind metric.Kind, flush uint32) {
	off := cell(kind, flush)
	clear(r[off : off+cellBytes[kind]])
}

// size returns the length of a record in units, from the record's meta.
func size(meta uint32) int { return units(nameOffset[kindOf(meta)] + int(meta&metaLength)) }

// units returns how many units are needed for the given number of bytes.
func units(bytes int) int { return (bytes + unitBytes - 1) / unitBytes }
