// Package heavy counts keys in bounded memory, and keeps the keys with the highest counts.
//
//	c := heavy.New(4096)
//	slot, fresh := c.Add(kind, name)
//
// Package heavy implements the Space-Saving algorithm (A. Metwally, D. Agrawal, A. El Abbadi, "Efficient computation of
// frequent and top-k elements in data streams", 2005). The number of slots for keys is fixed. When all slots are in use,
// a new key replaces the key with the smallest count. The count of the new key starts at the count of the replaced key.
// A count is therefore never too low, but it may be too high. Method Count returns the count and its maximum error. A
// key without a slot was added at most Floor times.
//
// A key with more than 1/max of all additions always has a slot.
package heavy

import (
	"hash/maphash"
	"math"
)

// Counters counts keys. Make it with New. It is not safe for concurrent use.
type Counters struct {
	max   int
	seed  maphash.Seed
	heads []int32  // hash table: for each hash, the number of the first slot in a linked list of slots, plus 1; 0 if the list is empty
	next  []int32  // for each slot, the number of the next slot in its list, plus 1; 0 at the end of the list
	count []uint64 // for each slot, the count of its key
	kept  []kept   // for each slot, its key
	last  int      // slot of the most recently added key

	// floor is a lower bound of all counts. The method least scans the slots for a count that is equal to floor. The
	// field at is the index of the slot that the scan has reached: all slots before this slot have counts greater than
	// floor. low is the smallest count that the scan has seen so far, and becomes the next floor.
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

// New returns Counters with max slots, at least 1. The memory for a slot is allocated when the slot
// is first used.
func New(max int) *Counters {
	c := &Counters{max: max, seed: maphash.MakeSeed()}
	c.Reset()
	return c
}

// Reset removes all keys. It keeps the memory for later keys.
func (c *Counters) Reset() {
	clear(c.heads)
	c.next, c.count, c.kept = c.next[:0], c.count[:0], c.kept[:0]
	c.floor, c.low, c.at, c.evicted = 0, math.MaxUint64, 0, 0
}

// Add adds 1 to the count of a key. It copies the bytes of a new key. Equal keys with different tags are different
// keys. Add returns the slot of the key. fresh is true if the key is new in this slot.
func (c *Counters) Add(tag byte, key []byte) (place int, fresh bool) {
	// The same key often occurs several times in a row, so compare with the last key first.
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

// find returns the slot of a key, or -1.
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

// grow returns an unused slot with the count 0.
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
		c.kept = c.kept[:n+1] // reuse the memory of a key from before Reset
	} else {
		c.kept = append(c.kept, kept{})
	}
	return n
}

// least returns the slot with the smallest count. Each scan of all slots raises floor by at least
// 1, and floor never exceeds the mean count. Therefore least takes less than one step per added key
// on average.
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

// unlink removes a slot from the linked list that contains it.
func (c *Counters) unlink(place int) {
	link := &c.heads[c.kept[place].hash&uint64(len(c.heads)-1)]
	for int(*link-1) != place {
		link = &c.next[*link-1]
	}
	*link = c.next[place]
}

// Len returns the number of keys. Their slots are 0 to Len()-1.
func (c *Counters) Len() int { return len(c.count) }

// Key returns the key in a slot. The key is valid until the next call of Add.
func (c *Counters) Key(place int) (tag byte, key []byte) {
	k := &c.kept[place]
	return k.tag, k.key
}

// Count returns an upper bound for the number of times that the key in a slot was added. The second result, over, is
// the maximum error: the key was added at least count-over times.
func (c *Counters) Count(place int) (count, over uint64) { return c.count[place], c.kept[place].over }

// Floor returns an upper bound for the number of times that a key without a slot was added.
func (c *Counters) Floor() uint64 {
	if c.evicted == 0 {
		return 0
	}
	return c.floor
}

// Evicted returns the number of keys that lost their slot to another key.
func (c *Counters) Evicted() uint64 { return c.evicted }
