package spool

import (
	"bytes"
	"slices"
	"testing"
)

// TestWalkDamaged truncates a segment at each position, and inverts a bit at each position. Only
// the truncated records, or the record with the inverted bit, may be missing.
func TestWalkDamaged(t *testing.T) {
	var data []byte
	var ends []int
	next := uint64(1)
	for i := range 20 {
		data = appendRecord(data, next, record(i))
		next += uint64(record(i).Points)
		ends = append(ends, len(data))
	}
	records := func(b []byte) (times []int64, skipped int, tornTail bool) {
		skipped, tornTail = walk(b, func(h header) { times = append(times, h.time-record(0).Time) })
		return times, skipped, tornTail
	}
	var want []int64
	for i := range ends {
		want = append(want, int64(i))
	}
	for at := range data {
		hit, _ := slices.BinarySearch(ends, at+1)
		got, skipped, tornTail := records(data[:at])
		if atEnd := at == 0 || hit > 0 && ends[hit-1] == at; !slices.Equal(got, want[:hit]) || (skipped == 0) != atEnd || tornTail == atEnd {
			t.Fatalf("cut at %d: records %v, %d bytes skipped, torn %v", at, got, skipped, tornTail)
		}
		data[at] ^= 1 << (at % 8)
		got, skipped, _ = records(data)
		data[at] ^= 1 << (at % 8)
		if size := len(appendRecord(nil, 1, record(hit))); skipped != size || !slices.Equal(got, slices.Concat(want[:hit], want[hit+1:])) {
			t.Fatalf("bit flipped at %d, in record %d: records %v, %d bytes skipped", at, hit, got, skipped)
		}
	}
}

func FuzzWalk(f *testing.F) {
	whole := appendRecord(appendRecord(nil, 1, record(3)), 5, record(4))
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(whole[1:])
	f.Add(bytes.Repeat([]byte(magic), 100))
	f.Fuzz(func(t *testing.T, b []byte) {
		records, size := 0, 0
		skipped, _ := walk(b, func(h header) {
			records++
			size += headerSize + h.size
		})
		if size+skipped != len(b) {
			t.Fatalf("%d bytes of records and %d skipped, of %d", size, skipped, len(b))
		}
		// A record is found whatever bytes come before it.
		b = append(slices.Clone(b), whole...)
		found := 0
		walk(b, func(header) { found++ })
		if found < 1 {
			t.Fatalf("no record found behind %q", b[:len(b)-len(whole)])
		}
	})
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte("stats.a 1 1\n"), uint32(1), int64(1795251862), uint64(1))
	f.Fuzz(func(t *testing.T, payload []byte, points uint32, time int64, number uint64) {
		if len(payload) == 0 || points == 0 || number+uint64(points) <= number {
			return
		}
		b := appendRecord(nil, number, Record{payload, int(points), time})
		h, got, s := decode(b)
		if s != intact || !bytes.Equal(got, payload) || h.points != int(points) || h.time != time || h.number != number {
			t.Fatalf("read back as %+v, %q, %v", h, got, s)
		}
		for _, cut := range []int{0, 1, headerSize - 1, headerSize, len(b) - 1} {
			if _, _, s := decode(b[:cut]); s != torn {
				t.Fatalf("cut at %d of %d: %v", cut, len(b), s)
			}
		}
	})
}
