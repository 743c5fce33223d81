package client

import (
	"math"
	"time"
)

// Incr adds 1 to a counter.
func (c *Client) Incr(name string, tags ...string) { c.Count(name, 1, tags...) }

// Decr subtracts n from a counter.
func (c *Client) Decr(name string, n int64, tags ...string) { c.Count(name, minus(n), tags...) }

// minus returns -n. The lowest int64 has no negation: minus then returns the highest int64.
func minus(n int64) int64 { return -max(n, -math.MaxInt64) }

// Count adds n to a counter.
func (c *Client) Count(name string, n int64, tags ...string) {
	if c != nil && c.merge != nil {
		if sr := c.merge.known.Load().find(c.enc, counter, name, tags); sr != nil && sr.countAgain(n) {
			return
		}
	}
	c.send(counter, name, whole(n), tags)
}

// Gauge sets a gauge. Servers treat a value with a sign as an adjustment. A negative value is therefore sent as
// two lines in one packet: first 0, and then the value.
func (c *Client) Gauge(name string, v float64, tags ...string) {
	if c != nil && c.merge != nil && v-v == 0 { // v is neither NaN nor infinite
		if sr := c.merge.known.Load().find(c.enc, gauge, name, tags); sr != nil && sr.setAgain(math.Float64bits(v)) {
			return
		}
	}
	c.send(gauge, name, decimal(v), tags)
}

// GaugeDelta adds delta to a gauge. Deltas are never sampled.
func (c *Client) GaugeDelta(name string, delta float64, tags ...string) {
	c.send(gauge, name, adjustment(delta), tags)
}

// Timing records a duration. It is sent in milliseconds.
func (c *Client) Timing(name string, d time.Duration, tags ...string) {
	c.send(timer, name, millis(d), tags)
}

// Histogram records a value of any unit, with the type "h". This project's server and Etsy's server treat it like
// a timer.
func (c *Client) Histogram(name string, v float64, tags ...string) {
	c.send(histogram, name, decimal(v), tags)
}

// Distribution records a value of any unit, with the type "d". This project's server treats it like a timer.
// Servers of the DogStatsD family summarise it over all hosts.
func (c *Client) Distribution(name string, v float64, tags ...string) {
	c.send(distribution, name, decimal(v), tags)
}

// Set adds a member to a set. The server publishes the number of members in a set. Members are never sampled.
func (c *Client) Set(name, member string, tags ...string) {
	if !c.on() {
		return
	}
	q := c.core.queue
	if name == "" || member == "" {
		q.refuse()
		return
	}
	if c.core.agg != nil && len(member) <= maxText && (c.core.agg.memberAgain(c.enc, name, member, tags) ||
		c.core.agg.addMember(c, name, member, tags)) {
		return
	}
	b, p := q.begin(c.headSize(set, name)+len(member)+c.tailSize(set, nil, tags), 1)
	if p == nil {
		return
	}
	b = appendClean(c.appendHead(b, set, name), member, '|', ':')
	c.appendTail(b, set, nil, tags)
	q.commit(p, 1)
}

// Unique is like Set, for members that are numbers, such as user ids.
func (c *Client) Unique(name string, id int64, tags ...string) { c.send(set, name, whole(id), tags) }

// Inject sends PREFIX.name:value|kind, with the rate and the tags of c. It is for types and values that the other
// methods do not support. In the value and the kind, only control and separator characters are replaced by '_'.
// Injected lines are never merged.
func (c *Client) Inject(name, value, kind string, tags ...string) {
	if !c.on() || c.skip() {
		return
	}
	q := c.core.queue
	if name == "" || value == "" || kind == "" {
		q.refuse()
		return
	}
	var share [32]byte
	rate := appendRate(share[:0], c.rate)
	size := len(c.core.base) + len(c.enc.path) + len(name) + len(":") + len(value) + len("|") + len(kind) +
		c.sectionsSize(rate, tags)
	b, p := q.begin(size, 1)
	if p == nil {
		return
	}
	b = append(b, c.core.base...)
	b = append(b, c.enc.path...)
	b = append(appendClean(b, name, '|', ':'), ':')
	b = append(appendClean(b, value, '\n', '\n'), '|')
	b = appendClean(b, kind, '\n', '\n')
	c.appendSections(b, rate, tags)
	q.commit(p, 1)
}

// send encodes a sample into the queue, or merges it with earlier samples.
func (c *Client) send(k kind, name string, v value, tags []string) {
	if !c.on() {
		return
	}
	if c.merge != nil && c.merge.again(c.enc, k, name, tags, v) {
		return
	}
	q, agg := c.core.queue, c.core.agg
	rate := c.rate
	if v.form == formDelta || k == set {
		rate = 0
	} else if rate != 0 && c.skip() {
		return
	}
	if name == "" || !v.valid() {
		q.refuse()
		return
	}
	if agg != nil && agg.add(c, &sample{k, name, v, rate, tags}) {
		return
	}
	var digits, share [32]byte
	number, onWire := v.appendTo(digits[:0], c.core.python), share[:0]
	if rate != 0 {
		onWire = appendRate(onWire, rate)
	}
	around, lines := c.headSize(k, name)+c.tailSize(k, onWire, tags), 1
	size := around + len(number)
	if k == gauge && v.negative() {
		size += around + len("0")
		lines = 2
	}
	b, p := q.begin(size, lines)
	if p == nil {
		return
	}
	if lines == 2 {
		b = append(c.appendHead(b, k, name), '0')
		b = c.appendTail(b, k, onWire, tags)
	}
	b = append(c.appendHead(b, k, name), number...)
	c.appendTail(b, k, onWire, tags)
	q.commit(p, lines)
}

// appendHead appends the part of a line before the value: "app.counters.db.reads:".
func (c *Client) appendHead(b []byte, k kind, name string) []byte {
	b = append(b, c.enc.head[k]...)
	return append(appendClean(b, name, '|', ':'), ':')
}

func (c *Client) headSize(k kind, name string) int { return len(c.enc.head[k]) + len(name) + len(":") }

// appendTail appends the part of a line after the value: "|c|@0.1|#a:b\n".
func (c *Client) appendTail(b []byte, k kind, rate []byte, tags []string) []byte {
	if len(rate) == 0 && len(tags) == 0 {
		return append(b, c.enc.tail[k]...)
	}
	return c.appendSections(append(b, codes[k]...), rate, tags)
}

func (c *Client) tailSize(k kind, rate []byte, tags []string) int {
	if len(rate) == 0 && len(tags) == 0 {
		return len(c.enc.tail[k])
	}
	return len(codes[k]) + c.sectionsSize(rate, tags)
}

// appendSections appends the rate, the tags and the newline: "|@0.1|#a:b\n".
func (c *Client) appendSections(b []byte, rate []byte, tags []string) []byte {
	b = append(append(b, rate...), c.enc.tags...)
	return append(appendTags(b, tags, c.enc.tags != ""), '\n')
}

func (c *Client) sectionsSize(rate []byte, tags []string) int {
	return len(rate) + len(c.enc.tags) + tagsSize(tags, c.enc.tags != "") + len("\n")
}
