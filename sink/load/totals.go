package load

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"github.com/statsd-ops/statsd/metric"
)

// totals contains the values that one name collected in a flush interval, a minute, or a window of several minutes.
// Two totals of the same name can be added. Batches and segments store totals in an encoded form:
//
//	counter  the sum
//	gauge    the last value
//	timer    weight, sum, lower, upper; the number of bins; for each bin the difference to
//	         the previous key (a signed varint), and the number of samples
//	set      the number of hashes, then the hashes, smallest first, 8 bytes each
//
// Counts are encoded as varints. A float is encoded as the varint of its bytes in reverse order: whole numbers need 2 or
// 3 bytes, and other numbers up to 10 bytes.
type totals struct {
	value                     float64 // for counters and gauges
	weight, sum, lower, upper float64 // for timers
	bins                      []bin   // sorted by key
	members                   []uint64

	spareBins    []bin
	spareMembers []uint64
}

func (t *totals) reset() {
	t.value, t.weight, t.sum = 0, 0, 0
	t.lower, t.upper = math.Inf(1), math.Inf(-1)
	t.bins, t.members = t.bins[:0], t.members[:0]
}

// append appends the encoded totals of a name.
func (t *totals) append(dst []byte, kind metric.Kind) []byte {
	switch kind {
	case metric.Timer:
		for _, v := range []float64{t.weight, t.sum, t.lower, t.upper} {
			dst = appendFloat(dst, v)
		}
		dst = binary.AppendUvarint(dst, uint64(len(t.bins)))
		before := int32(0)
		for _, b := range t.bins {
			dst = binary.AppendVarint(dst, int64(b.key-before))
			dst = binary.AppendUvarint(dst, b.count)
			before = b.key
		}
	case metric.Set:
		dst = binary.AppendUvarint(dst, uint64(len(t.members)))
		for _, hash := range t.members {
			dst = binary.LittleEndian.AppendUint64(dst, hash)
		}
	default:
		dst = appendFloat(dst, t.value)
	}
	return dst
}

// add adds later totals of the same name, which are encoded in data. It returns the bytes after them.
func (t *totals) add(kind metric.Kind, data []byte) []byte {
	switch kind {
	case metric.Counter:
		v, rest := readFloat(data)
		t.value = clamp(t.value + v)
		return rest
	case metric.Gauge:
		t.value, data = readFloat(data)
		return data
	case metric.Timer:
		return t.addTimer(data)
	default:
		return t.addSet(data)
	}
}

func (t *totals) addTimer(data []byte) []byte {
	var weight, sum, lower, upper float64
	for _, v := range []*float64{&weight, &sum, &lower, &upper} {
		*v, data = readFloat(data)
	}
	t.weight, t.sum = clamp(t.weight+weight), clamp(t.sum+sum)
	t.lower, t.upper = min(t.lower, lower), max(t.upper, upper)

	n, data := readUvarint(data)
	merged, old := t.spareBins[:0], t.bins
	key := int32(0)
	for range n {
		delta, size := binary.Varint(data)
		count, rest := readUvarint(data[size:])
		data = rest
		key += int32(delta)
		i := 0
		for i < len(old) && old[i].key < key {
			i++
		}
		merged = append(merged, old[:i]...)
		if old = old[i:]; len(old) > 0 && old[0].key == key {
			count += old[0].count
			old = old[1:]
		}
		merged = append(merged, bin{key, count})
	}
	merged = append(merged, old...)
	t.bins, t.spareBins = merged, t.bins
	return data
}

func (t *totals) addSet(data []byte) []byte {
	n, data := readUvarint(data)
	hashes, rest := data[:8*n], data[8*n:]
	merged, old := t.spareMembers[:0], t.members
	for len(merged) < maxMembers && (len(hashes) > 0 || len(old) > 0) {
		var hash uint64
		if len(hashes) > 0 {
			hash = binary.LittleEndian.Uint64(hashes)
		}
		switch {
		case len(hashes) == 0 || len(old) > 0 && old[0] < hash:
			merged, old = append(merged, old[0]), old[1:]
			continue
		case len(old) > 0 && old[0] == hash:
			old = old[1:]
		}
		merged, hashes = append(merged, hash), hashes[8:]
	}
	t.members, t.spareMembers = merged, t.members
	return rest
}

// skip returns the bytes after the encoded totals of one name.
func skip(kind metric.Kind, data []byte) []byte {
	varints := uint64(1)
	switch kind {
	case metric.Timer:
		for range 4 {
			_, data = readUvarint(data)
		}
		n, rest := readUvarint(data)
		varints, data = 2*n, rest
	case metric.Set:
		n, rest := readUvarint(data)
		return rest[8*n:]
	}
	for ; varints > 0; varints-- {
		_, data = readUvarint(data)
	}
	return data
}

// appendFloat appends a float. Whole numbers need few bytes, because their last bytes are 0.
func appendFloat(dst []byte, v float64) []byte {
	return binary.AppendUvarint(dst, bits.ReverseBytes64(math.Float64bits(v)))
}

func readFloat(data []byte) (float64, []byte) {
	v, rest := readUvarint(data)
	return math.Float64frombits(bits.ReverseBytes64(v)), rest
}

func readUvarint(data []byte) (uint64, []byte) {
	v, size := binary.Uvarint(data)
	return v, data[size:]
}

// clamp limits a sum to finite values.
func clamp(v float64) float64 { return max(-math.MaxFloat64, min(v, math.MaxFloat64)) }

// maxMembers is the maximum number of stored members of a set. Up to this limit, the count of members is exact.
// For larger sets, the smallest hashes are stored, and the count is an estimate.
const maxMembers = 4096

// distinct returns the number of members of a set. If not all members are stored, the largest stored hash shows
// which fraction of all hashes is stored, and the number is estimated from it (K. Beyer et al., "On synopses for
// distinct-value estimation under multiset operations", 2007). The standard error is 1/sqrt(maxMembers-2), which
// is 1.6 %.
func (t *totals) distinct() float64 {
	n := len(t.members)
	if n < maxMembers {
		return float64(n)
	}
	return math.Round(float64(n-1) / (float64(t.members[n-1]) / (1 << 64)))
}

// setMembers sets the members to the given hashes, which may be unsorted and contain duplicates. It changes the
// order of hashes.
func (t *totals) setMembers(hashes []uint64) {
	// Sort only the hashes below a limit, if at least maxMembers different hashes are below it. Because hashes
	// are distributed evenly, about 4*maxMembers hashes are below this limit.
	if n := len(hashes); n > 8*maxMembers {
		limit := math.MaxUint64 / uint64(n) * 4 * maxMembers
		low := 0
		for i, hash := range hashes {
			if hash < limit {
				hashes[low], hashes[i] = hash, hashes[low]
				low++
			}
		}
		if t.keepSmallest(hashes[:low]); len(t.members) == maxMembers {
			return
		}
	}
	t.keepSmallest(hashes)
}

// keepSmallest sets the members to the smallest different hashes.
func (t *totals) keepSmallest(hashes []uint64) {
	slices.Sort(hashes)
	t.members = t.members[:0]
	for i, hash := range hashes {
		if i > 0 && hash == hashes[i-1] {
			continue
		}
		if t.members = append(t.members, hash); len(t.members) == maxMembers {
			return
		}
	}
}
