package partial

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/metric"
)

// TestSoakHostileMessages opens and merges messages that were changed at random but have correct
// checksums. No message may cause a panic, no row may take more memory than its message, and the
// table must still accept good rows afterwards.
func TestSoakHostileMessages(t *testing.T) {
	n, seed := soak.Pick(soak.Times(50_000), 10_000_000), soak.Pick(3, uint64(time.Now().UnixNano()))
	random := rand.New(rand.NewPCG(seed, 1))
	defer func() {
		if fault := recover(); fault != nil {
			t.Errorf("seed %d: %v", seed, fault)
		}
	}()
	d, shard := NewDecoder(), hostileTable().Shard(0)
	whole := hostileMessages(t, random)
	refused := 0
	for i := range n {
		if i%1000 == 0 {
			whole, shard = hostileMessages(t, random), hostileTable().Shard(0)
		}
		m := change(random, whole[random.IntN(len(whole))])
		_, body, err := Open(m)
		if err == nil {
			shard.Lock()
			err = d.Rows(&body, func(r *aggregate.Row) {
				if size := len(r.Samples) + len(r.Members) + len(r.Adjustments); size > MaxMessage {
					t.Fatalf("seed %d: a row of %d values in a message of %d bytes", seed, size, len(m))
				}
				shard.Merge(r)
			})
			shard.Unlock()
		}
		if err != nil {
			refused++
		}
	}
	table := hostileTable()
	mergeAll(t, d, table.Shard(0), hostileMessages(t, random))
	table.Drain(nil).Summarize(benchLayout(), 1)
	soak.Row(t, fmt.Sprintf("%d messages of edges, changed at random", n), fmt.Sprintf("no panic; %d refused", refused), "no panic")
}

func hostileTable() *aggregate.Table {
	return aggregate.NewTable(aggregate.Config{Shards: 1, MaxNames: 1000, MaxNameLength: 100, MaxSetMembers: 100, MaxTimerSamples: 100, Expire: [metric.Kinds]uint32{1, 1, 1, 1}})
}

// hostileMessages returns valid messages. The test changes copies of them. Some messages are not compressed.
func hostileMessages(t *testing.T, random *rand.Rand) (all [][]byte) {
	e := newEncoder(t, 1)
	for n := range 8 {
		var rows []aggregate.Row
		for i := range 1 + random.IntN(12) {
			rows = append(rows, randomRow(random, i))
		}
		for _, m := range encode(e, Interval{Number: uint64(n), End: end}, rows...) {
			all = append(all, m.bytes)
		}
	}
	return all
}

// change changes some bytes of the header, or of the decompressed body, and corrects the checksum.
func change(random *rand.Rand, m []byte) []byte {
	_, body, err := Open(m)
	if err != nil {
		return m
	}
	head := slices.Clone(m[:len(m)-4-len(body.bytes)])
	plain := slices.Clone(body.bytes)
	if body.flags&flagPacked != 0 && random.IntN(4) > 0 {
		plain, _ = s2.Decode(nil, body.bytes)
		mutate(random, plain)
		plain = s2.Encode(nil, plain)
	} else {
		mutate(random, plain)
	}
	if random.IntN(4) == 0 {
		mutate(random, head[4:])
	}
	m = append(head, plain...)
	return binary.LittleEndian.AppendUint32(m, crc32.Checksum(m, castagnoli))
}

// mutate replaces some bytes by values that are common at the start or end of encoded numbers, or
// by random values.
func mutate(random *rand.Rand, b []byte) {
	if len(b) == 0 {
		return
	}
	for range 1 + random.IntN(4) {
		values := []byte{0, 1, 0x7f, 0x80, 0xff, byte(random.Uint32())}
		b[random.IntN(len(b))] = values[random.IntN(len(values))]
	}
}
