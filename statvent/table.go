package statvent

import (
	"errors"
	"hash/maphash"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
)

// table maps names to values that are never removed. Looking a name up takes
// no lock and allocates nothing; adding one takes the lock. A sync.Map would do
// as well, at twice the time a look-up (BenchmarkLookup).
type table[V any] struct {
	chains atomic.Pointer[chains[V]]
	mu     sync.Mutex // held to add and to grow
	len    int        // guarded by mu
}

// chains are hash chains, a power of two of them. The nodes are immutable: one
// is added in front of its chain, and growing copies them.
type chains[V any] struct {
	seed  maphash.Seed
	heads []atomic.Pointer[node[V]]
}

type node[V any] struct {
	hash  uint64
	name  string
	value *V
	next  *node[V]
}

var errFull = errors.New("statvent: too many names")

// get is the value of name, or nil.
func (t *table[V]) get(name string) *V {
	c := t.chains.Load()
	if c == nil {
		return nil
	}
	hash := maphash.String(c.seed, name)
	for n := c.head(hash).Load(); n != nil; n = n.next {
		if n.hash == hash && n.name == name {
			return n.value
		}
	}
	return nil
}

// add is the value of name, which becomes v if it has none yet.
func (t *table[V]) add(name string, v *V) (*V, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if old := t.get(name); old != nil {
		return old, nil
	}
	if t.len == MaxNames {
		return nil, errFull
	}
	c := t.chains.Load()
	if c == nil || t.len == len(c.heads) {
		c = c.grown()
		t.chains.Store(c)
	}
	c.push(&node[V]{hash: maphash.String(c.seed, name), name: strings.Clone(name), value: v})
	t.len++
	return v, nil
}

// all yields every name that was there when it began, in no order.
func (t *table[V]) all() iter.Seq2[string, *V] {
	return func(yield func(string, *V) bool) {
		c := t.chains.Load()
		if c == nil {
			return
		}
		for i := range c.heads {
			for n := c.heads[i].Load(); n != nil; n = n.next {
				if !yield(n.name, n.value) {
					return
				}
			}
		}
	}
}

func (c *chains[V]) head(hash uint64) *atomic.Pointer[node[V]] {
	return &c.heads[hash&uint64(len(c.heads)-1)]
}

func (c *chains[V]) push(n *node[V]) {
	head := c.head(n.hash)
	n.next = head.Load()
	head.Store(n)
}

// grown is a copy of c with twice the chains.
func (c *chains[V]) grown() *chains[V] {
	if c == nil {
		return &chains[V]{seed: maphash.MakeSeed(), heads: make([]atomic.Pointer[node[V]], 16)}
	}
	bigger := &chains[V]{seed: c.seed, heads: make([]atomic.Pointer[node[V]], 2*len(c.heads))}
	for i := range c.heads {
		for n := c.heads[i].Load(); n != nil; n = n.next {
			bigger.push(&node[V]{hash: n.hash, name: n.name, value: n.value})
		}
	}
	return bigger
}
