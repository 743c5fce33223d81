package statvent

import (
	"errors"
	"hash/maphash"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
)

// table maps names to values. Names are never removed. A lookup takes no lock and allocates no memory. An
// addition takes the lock. A lookup in a sync.Map takes twice as long (BenchmarkLookup).
type table[V any] struct {
	chains atomic.Pointer[chains[V]]
	mu     sync.Mutex // held while a name is added and while the table grows
	len    int        // guarded by mu
}

// chains are the linked lists of a hash table. Their number is a power of two. Nodes are immutable:
// an addition puts a new node at the front of its chain, and the method grown copies all nodes.
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

var errFull = errors.New("statvent: the recorder has the maximum number of names already")

// get returns the value for a name, or nil.
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

// add sets the value for a name to v if the name has no value. It returns the value that the name then has.
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

// all yields every name that the table contained at the start of the iteration, in any order.
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

// grown returns a copy of c with twice as many chains.
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
