// Package heavy counts keys in bounded memory, and keeps the keys with the highest counts.
//
//	c := heavy.New(4096)
//	place, fresh := c.Add(kind, name)
//
// It is the Space-Saving algorithm (A. Metwally, D. Agrawal, A. El Abbadi, "Efficient computation of
// frequent and top-k elements in data streams", 2005). When all places are taken, a new key takes the place with the
// smallest count, and continues from that count. So a count is never too low. Over is the amount by which it may be too
// high. A key without a place was counted at most Floor times.
//
// A key with more than 1/max of all additions always has a place.
package heavy

import (
	"hash/maphash"
	"math"
)

// Counters counts keys. Make it with New. It is for one goroutine at a time.
type Counters struct {
	max   int
	seed  maphash.Seed
	heads []int32  // by hash: the first place of a chain plus 1, or 0
	next  []int32  // by place: the next place of its chain plus 1, or 0
	count []uint64 // by place
	kept  []kept   // by place
	last  int      // the place of the last key

	// All counts are at least floor. The counts before the index at are above floor; low was the least of these when
	// least passed them.
	floor, low uint64
	at         int
	evicted    uint64
}

type kept struct {
	hash uint64
	over uint64
	tag  byte
	key  []byte
}

func (k *kept) is(tag byte, key []byte) bool { return k.tag == tag && string(k.key) == string(key) }

// New returns Counters with max places, at least 1. They take memory as they fill.
func New(max int) *Counters {
	c := &Counters{max: max, seed: maphash.MakeSeed()}
	c.Reset()
	return c
}

// Reset forgets all keys. It keeps the memory.
func (c *Counters) Reset() {
	clear(c.heads)
	c.next, c.count, c.kept = c.next[:0], c.count[:0], c.kept[:0]
	c.floor, c.low, c.at, c.evicted = 0, math.MaxUint64, 0, 0
}

// Add counts a key. Equal keys with different tags are different keys. It returns the key's place. fresh
// says that the key did not have the place before. The key is copied.
func (c *Counters) Add(tag byte, key []byte) (place int, fresh bool) {
	// The same key often comes several times in a row.
	if c.last < len(c.kept) && c.kept[c.last].is(tag, key) {
		c.count[c.last]++
		return c.last, false
	}
	hash := maphash.Bytes(c.seed, key) + uint64(tag)*0x9e3779b97f4a7c15
	if place = c.find(hash, tag, key); place >= 0 {
		c.count[place]++
		c.last = place
		return place, false
	}
	if len(c.count) < c.max {
		place = c.grow()
	} else {
		place = c.least()
		c.unlink(place)
		c.evicted++
	}
	k := &c.kept[place]
	k.hash, k.tag, k.key, k.over = hash, tag, append(k.key[:0], key...), c.count[place]
	c.count[place]++
	head := &c.heads[hash&uint64(len(c.heads)-1)]
	c.next[place], *head = *head, int32(place)+1
	c.last = place
	return place, true
}

// find returns the place of a key, or -1.
func (c *Counters) find(hash uint64, tag byte, key []byte) int {
	if len(c.heads) == 0 {
		return -1
	}
	for i := c.heads[hash&uint64(len(c.heads)-1)]; i > 0; i = c.next[i-1] {
		if k := &c.kept[i-1]; k.hash == hash && k.is(tag, key) {
			return int(i - 1)
		}
	}
	return -1
}

// grow returns a new place, with the count 0.
func (c *Counters) grow() int {
	n := len(c.count)
	if n >= len(c.heads) {
		c.heads = make([]int32, max(16, 2*n))
		c.next = c.next[:0]
		for place := range c.kept[:n] {
			head := &c.heads[c.kept[place].hash&uint64(len(c.heads)-1)]
			c.next = append(c.next, *head)
			*head = int32(place) + 1
		}
	}
	c.next, c.count = append(c.next, 0), append(c.count, 0)
	if cap(c.kept) > n {
		c.kept = c.kept[:n+1] // reuse the memory of an earlier key
	} else {
		c.kept = append(c.kept, kept{})
	}
	return n
}

// least returns the place with the smallest count. Each pass over the places raises floor, and floor
// is at most the mean count. So it takes less than one step for each addition, on average.
func (c *Counters) least() int {
	for {
		for ; c.at < len(c.count); c.at++ {
			n := c.count[c.at]
			if n <= c.floor {
				return c.at
			}
			c.low = min(c.low, n)
		}
		c.floor, c.low, c.at = c.low, math.MaxUint64, 0
	}
}

// unlink removes a place from its chain.
func (c *Counters) unlink(place int) {
	link := &c.heads[c.kept[place].hash&uint64(len(c.heads)-1)]
	for int(*link-1) != place {
		link = &c.next[*link-1]
	}
	*link = c.next[place]
}

// Len returns the number of keys. Their places are 0 to Len()-1.
func (c *Counters) Len() int { return len(c.count) }

// Key returns the key at a place. It is valid until the next Add.
func (c *Counters) Key(place int) (tag byte, key []byte) {
	k := &c.kept[place]
	return k.tag, k.key
}

// Count returns the upper bound of the count of the key at a place, and by how much it may be too high.
func (c *Counters) Count(place int) (count, over uint64) { return c.count[place], c.kept[place].over }

// Floor returns an upper bound for the count of a key without a place.
func (c *Counters) Floor() uint64 {
	if c.evicted == 0 {
		return 0
	}
	return c.floor
}

// Evicted returns the number of keys that were replaced by others.
func (c *Counters) Evicted() uint64 { return c.evicted }
