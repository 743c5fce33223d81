//go:build linux

package main

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"strconv"
	"strings"
)

// mix says how many of a hundred names have each kind.
type mix struct{ counters, timers, gauges, sets int }

// traffic describes the packets to send. The packets are the same on every machine.
type traffic struct {
	mix    mix
	names  int
	pack   int  // size of packets in bytes; 0 means one line per packet
	stream bool // whether every packet ends with a newline
	tags   int  // number of tags of each name, in DogStatsD's format
	zipf   bool // whether the frequencies of names have a Zipf distribution
	once   bool // whether each name is sent only once, so that no packet is repeated
	drawn  int  // number of metrics, if the name of each metric is drawn at random; 0 means that every name is sent
}

// packet is one datagram, or the data of one write to a stream.
type packet struct {
	data    []byte
	metrics int
	count   int // sum of the counters in the packet
}

// kind is a type of metric. The first part of a name depends on the kind, so that counters can be
// recognised among the published points.
type kind struct{ root, suffix string }

const counterRoot = "app"

// fewest is the minimum number of metrics that are sent before the packets are repeated.
const fewest = 1 << 16

// packets makes the packets. The sender repeats them in a loop. Each pass over the names contains
// every name once, in a different order.
func (t traffic) packets() []packet {
	random := rand.New(rand.NewPCG(1, 2))
	kinds := make([]kind, t.names)
	for i := range kinds {
		kinds[i] = t.mix.kind(random.IntN(100))
	}
	var all []packet
	var p packet
	for i := range t.order(random) {
		value := 1 + random.IntN(10)
		line := kinds[i].root + name(i) + ":" + strconv.Itoa(value) + "|" + kinds[i].suffix + t.section(i)
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
	return append(all, p)
}

// skew is the exponent of the Zipf distribution. With a million names, the most frequent name is in
// about one of ten lines.
const skew = 1.1

// order yields the numbers of the names, in the order of the lines to send.
func (t traffic) order(random *rand.Rand) iter.Seq[int] {
	return func(yield func(int) bool) {
		if t.zipf {
			law := rand.NewZipf(random, skew, 1, uint64(t.names-1))
			for range max(fewest, t.names) {
				if !yield(int(law.Uint64())) {
					return
				}
			}
			return
		}
		if t.drawn > 0 {
			for range t.drawn {
				if !yield(random.IntN(t.names)) {
					return
				}
			}
			return
		}
		for n := 0; n < fewest || n < t.names; n += t.names {
			for _, i := range random.Perm(t.names) {
				if !yield(i) {
					return
				}
			}
			if t.once {
				return
			}
		}
	}
}

// section returns the tags of the i-th name. Three of the tags differ between names, as in real
// traffic.
func (t traffic) section(i int) string {
	if t.tags == 0 {
		return ""
	}
	keys := []string{"env:production", "region:eu-west-1", "service:checkout", "version:2026.11.3", "team:payments"}
	all := []string{fmt.Sprintf("|#pod:%d,zone:%c,status:%d", i, 'a'+i%3, 200+i%5)}
	for j := range t.tags - 3 {
		all = append(all, keys[j%len(keys)])
	}
	return strings.Join(all, ",")
}

// kind returns the kind of the n-th of a hundred names.
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

// These are the words from which names are made.
var (
	endings  = []string{"status_200", "status_404", "status_500", "latency", "bytes_out"}
	methods  = []string{"get", "put", "post", "list", "delete"}
	services = []string{"users", "orders", "carts", "search", "billing", "session", "catalog", "images"}
	tiers    = []string{"web", "api", "job", "edge"}
)

// name returns the i-th name without its first part. It has about 40 bytes, like real names.
func name(i int) string {
	tail := ""
	for _, words := range [][]string{endings, methods, services, tiers} {
		tail = "." + words[i%len(words)] + tail
		i /= len(words)
	}
	return ".eu-west.host-" + strconv.Itoa(100+i) + tail
}
