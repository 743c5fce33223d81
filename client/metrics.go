package client

import (
	"math"
	"time"
)

// Incr counts one.
func (c *Client) Incr(name string, tags ...string) { c.Count(name, 1, tags...) }

// Decr counts minus one.
func (c *Client) Decr(name string, tags ...string) { c.Count(name, -1, tags...) }

// Count adds n to a counter.
func (c *Client) Count(name string, n int64, tags ...string) {
	if c != nil && c.merge != nil {
		if sr := c.merge.known.Load().find(c.enc, counter, name, tags); sr != nil && sr.countAgain(n) {
			return
		}
	}
	c.send(counter, name, whole(n), tags)
}

// Gauge sets a gauge. A negative value is sent as 0 and then itself, in one
// packet: servers read a value with a sign as an adjustment.
func (c *Client) Gauge(name string, v float64, tags ...string) {
	if c != nil && c.merge != nil && v-v == 0 { // neither NaN nor infinite
		if sr := c.merge.known.Load().find(c.enc, gauge, name, tags); sr != nil && sr.setAgain(math.Float64bits(v)) {
			return
		}
	}
	c.send(gauge, name, decimal(v), tags)
}

// GaugeDelta adds delta to a gauge. It is never sampled.
func (c *Client) GaugeDelta(name string, delta float64, tags ...string) {
	c.send(gauge, name, adjustment(delta), tags)
}

// Timing records a duration, in milliseconds on the wire.
func (c *Client) Timing(name string, d time.Duration, tags ...string) {
	if c != nil && c.merge != nil && c.merge.again(c.enc, timer, name, tags, millis(d)) {
		return
	}
	c.send(timer, name, millis(d), tags)
}

// Histogram records a value of any unit as type "h", which this project's
// server and Etsy's summarise like a timer.
func (c *Client) Histogram(name string, v float64, tags ...string) {
	c.send(histogram, name, decimal(v), tags)
}

// Distribution records a value of any unit as type "d": like a timer to this
// project's server, summarised over all hosts by those of the DogStatsD family.
func (c *Client) Distribution(name string, v float64, tags ...string) {
	c.send(distribution, name, decimal(v), tags)
}

// Set adds a member to a set, whose size the server reports. It is never
// sampled.
func (c *Client) Set(name, member string, tags ...string) {
	if !c.on() {
		return
	}
	if !c.core.queue.fits(name, member, tags) {
		return
	}
	if c.core.agg != nil && (c.core.agg.memberAgain(c.enc, name, member, tags) ||
		c.core.agg.addMember(c, name, member, tags)) {
		return
	}
	b := c.appendHead(c.core.queue.begin(), set, name)
	b = appendClean(b, member, '|', ':')
	c.core.queue.commit(c.appendTail(b, set, 0, tags), 1)
}

// Unique is Set for members that are numbers, such as user ids.
func (c *Client) Unique(name string, id int64, tags ...string) { c.send(set, name, whole(id), tags) }

// Inject sends a line for a type or value that the other methods do not know:
// PREFIX.name:value|kind, with the rate and the tags of c, and nothing else
// added. Control characters in value and kind are replaced by '_', everything
// else is left alone. Injected lines are never merged.
func (c *Client) Inject(name, value, kind string, tags ...string) {
	if !c.on() || c.skip() {
		return
	}
	if !c.core.queue.fits(name, value, tags) || !c.core.queue.fits(name, kind, nil) {
		return
	}
	b := c.core.queue.begin()
	b = append(b, c.core.base...)
	b = append(b, c.enc.path...)
	b = append(appendClean(b, name, '|', ':'), ':')
	b = append(appendClean(b, value, '\n', '\n'), '|')
	b = appendClean(b, kind, '\n', '\n')
	c.core.queue.commit(c.appendSections(b, c.rate, tags), 1)
}

// send encodes one sample into the queue, or merges it with others.
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
	if !q.fits(name, "0", tags) {
		return
	}
	if !v.valid() {
		q.refuse()
		return
	}
	if agg != nil && agg.add(c, &sample{k, name, v, rate, tags}) {
		return
	}
	b := q.begin()
	lines := 1
	if k == gauge && v.negative() {
		b = append(c.appendHead(b, k, name), '0')
		b = c.appendTail(b, k, rate, tags)
		lines = 2
	}
	b = v.appendTo(c.appendHead(b, k, name), c.core.python)
	q.commit(c.appendTail(b, k, rate, tags), lines)
}

// appendHead appends what comes before the value: "app.counters.db.reads:".
func (c *Client) appendHead(b []byte, k kind, name string) []byte {
	b = append(b, c.enc.head[k]...)
	return append(appendClean(b, name, '|', ':'), ':')
}

// appendTail appends what comes after the value: "|c|@0.1|#a:b\n".
func (c *Client) appendTail(b []byte, k kind, rate float64, tags []string) []byte {
	if rate == 0 && len(tags) == 0 {
		return append(b, c.enc.tail[k]...)
	}
	return c.appendSections(append(b, codes[k]...), rate, tags)
}

// appendSections ends a line: "|@0.1|#a:b\n".
func (c *Client) appendSections(b []byte, rate float64, tags []string) []byte {
	if rate != 0 {
		b = appendRate(b, rate)
	}
	b = append(b, c.enc.tags...)
	return append(appendTags(b, tags, c.enc.tags != ""), '\n')
}
