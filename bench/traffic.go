//go:build linux

package main

import (
	"math/rand/v2"
	"strconv"
)

// mix is how many of a hundred names each kind has.
type mix struct{ counters, timers, gauges, sets int }

// traffic describes the packets to send. They are the same bytes on every machine.
type traffic struct {
	mix    mix
	names  int
	pack   int  // size in bytes that lines are packed to; 0: one line per packet
	stream bool // every packet ends with a newline
}

// packet is a datagram, or one write to a stream.
type packet struct {
	data    []byte
	metrics int
	count   int // the sum of its counters
}

// kind is one type of metric. The first part of a name shows its kind, so that counters are
// recognised in the published points.
type kind struct{ root, suffix string }

const counterRoot = "app"

// fewest is the minimum number of metrics before the packets repeat.
const fewest = 1 << 16

// packets makes the packets, which the sender repeats in a circle. Each pass over the names
// contains every name once, in a new order.
func (t traffic) packets() []packet {
	random := rand.New(rand.NewPCG(1, 2))
	names := make([]string, t.names)
	kinds := make([]kind, t.names)
	for i := range names {
		kinds[i] = t.mix.kind(random.IntN(100))
		names[i] = kinds[i].root + name(i)
	}
	var all []packet
	var p packet
	for n := 0; n < max(fewest, t.names); n += t.names {
		for _, i := range random.Perm(t.names) {
			value := 1 + random.IntN(10)
			line := names[i] + ":" + strconv.Itoa(value) + "|" + kinds[i].suffix
			if p.metrics > 0 && len(p.data)+len(line)+2 > t.pack {
				all, p = append(all, p), packet{}
			}
			if p.metrics > 0 && !t.stream {
				p.data = append(p.data, '\n')
			}
			p.data = append(p.data, line...)
			if t.stream {
				p.data = append(p.data, '\n')
			}
			p.metrics++
			if kinds[i].root == counterRoot {
				p.count += value
			}
		}
	}
	return append(all, p)
}

// kind returns the kind for a number from 0 to 99.
func (m mix) kind(n int) kind {
	switch {
	case n < m.counters:
		return kind{counterRoot, "c"}
	case n < m.counters+m.timers:
		return kind{"rpc", "ms"}
	case n < m.counters+m.timers+m.gauges:
		return kind{"sys", "g"}
	default:
		return kind{"uid", "s"}
	}
}

// name returns the i-th name without its root: about 40 bytes, like real names.
func name(i int) string {
	parts := [][]string{
		{"status_200", "status_404", "status_500", "latency", "bytes_out"},
		{"get", "put", "post", "list", "delete"},
		{"users", "orders", "carts", "search", "billing", "session", "catalog", "images"},
		{"web", "api", "job", "edge"},
	}
	tail := ""
	for _, words := range parts {
		tail = "." + words[i%len(words)] + tail
		i /= len(words)
	}
	return ".eu-west.host-" + strconv.Itoa(100+i) + tail
}
