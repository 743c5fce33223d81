package client

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Client sends metrics. Any number of goroutines may use it. A nil or zero
// Client does nothing.
//
// The methods that send take tags after their other arguments, each "key:value"
// or a bare word. They keep none of their arguments.
type Client struct {
	core  *core
	enc   *encoded
	rate  float64     // 0 stands for 1
	merge *aggregator // core.agg if this client leaves no samples out
}

// encoded is what With settles for every line, ready to be copied.
type encoded struct {
	path  string // comes before every name: "db."
	tags  string // a tag section, "|#a:b,c", or empty
	scope string // tells path and tags from those of other clients; empty for the first
	seed  uint64 // its hash
	*hasher
	head [kinds]string // all that comes before the name: "app.counters.db."
	tail [kinds]string // all that comes after the value: "|c|#a:b,c\n"
}

func (co *core) encode(path, tags, scope string) *encoded {
	e := &encoded{path: path, tags: tags, scope: scope, hasher: co.hasher}
	e.seed = e.hash(0, scope, nil)
	for k := range kinds {
		section := ""
		if co.typed {
			section = sections[k]
		}
		e.head[k] = co.base + section + path
		e.tail[k] = codes[k] + tags + "\n"
	}
	return e
}

// core is what a client and those derived from it share.
type core struct {
	queue  *queue
	agg    *aggregator // nil without Config.Aggregate
	sender *sender
	base   string // comes before every path: "app."
	typed  bool   // Config.TypePrefixes
	python bool   // Config.pythonTimings
	hasher *hasher
	target string // for errors: "udp 127.0.0.1:8125"
}

// New returns a client that connects in the background. It does not wait for
// the server: the only errors are those of [Config.Validate].
func New(cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Disabled {
		return &Client{}, nil
	}
	cfg = cfg.withDefaults()
	co := &core{
		queue:  newQueue(cfg),
		base:   string(appendPrefix(nil, cfg.Prefix)),
		typed:  cfg.TypePrefixes,
		python: cfg.pythonTimings,
		hasher: newHasher(),
		target: cfg.target(),
	}
	if cfg.Aggregate > 0 {
		co.agg = newAggregator(co)
	}
	co.sender = startSender(cfg, co.queue, co.agg)
	enc := co.encode("", string(appendTags(nil, cfg.Tags, false)), "")
	return &Client{core: co, enc: enc, merge: co.agg}, nil
}

// NewSprockets returns a client that writes what sprockets-statsd's Connector
// writes, byte for byte: type prefixes, and timings such as "250.0". Config is
// otherwise as for [New]; sprockets' defaults are this package's.
//
// Its faults are not reproduced: a negative gauge is set, not subtracted.
func NewSprockets(cfg Config) (*Client, error) {
	cfg.TypePrefixes = true
	cfg.pythonTimings = true
	return New(cfg)
}

// on reports whether the client sends at all.
func (c *Client) on() bool { return c != nil && c.core != nil }

// With derives a client whose names start with prefix, after the prefixes of c,
// and whose lines carry tags, after those of c. Derive once and keep it: With
// allocates.
func (c *Client) With(prefix string, tags ...string) *Client {
	if !c.on() {
		return c
	}
	path := c.enc.path + string(appendPrefix(nil, prefix))
	all := string(appendTags([]byte(c.enc.tags), tags, c.enc.tags != ""))
	return &Client{core: c.core, enc: c.core.encode(path, all, path+"\n"+all), rate: c.rate, merge: c.merge}
}

// appendPrefix appends prefix, cleaned and ended by one dot.
func appendPrefix(b []byte, prefix string) []byte {
	prefix = strings.TrimRight(prefix, ".")
	if prefix == "" {
		return b
	}
	return append(appendClean(b, prefix, '|', ':'), '.')
}

// Sampled derives a client that sends a random share of its samples, 0 < rate
// <= 1, with the rate on the wire so that the server scales them up again. Any
// other rate is as 1. It replaces the rate of c. Gauge deltas and set members
// are always sent: no server can make up for the ones left out.
func (c *Client) Sampled(rate float64) *Client {
	if !c.on() {
		return c
	}
	if rate > 0 && rate < 1 {
		return &Client{core: c.core, enc: c.enc, rate: rate}
	}
	return &Client{core: c.core, enc: c.enc, merge: c.core.agg}
}

// skip draws whether a sample is left out.
func (c *Client) skip() bool { return c.rate != 0 && rand.Float64() >= c.rate }

// Flush sends what was given to the client so far, and waits until the kernel
// has taken it or it was dropped.
func (c *Client) Flush(ctx context.Context) error {
	if !c.on() {
		return nil
	}
	if agg := c.core.agg; agg != nil {
		for round := agg.round(); !agg.drain(round); {
			if err := c.core.flush(ctx); err != nil {
				return err
			}
		}
	}
	return c.core.flush(ctx)
}

func (co *core) flush(ctx context.Context) error {
	done := co.queue.flush()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		co.queue.forget(done)
		return co.unfinished("flush", ctx.Err(), fmt.Sprintf("%d lines still queued", co.queue.snapshot().Queued))
	}
}

// Close sends what is queued and ends the connection of c and of all clients
// derived from it. When ctx ends first, what is left is dropped, counted in
// [Stats], and the error says so. Without a server to send to, only the end of
// ctx ends the wait: give it a deadline. Later calls of any method but Stats do
// nothing; what they would have sent is counted.
func (c *Client) Close(ctx context.Context) error {
	if !c.on() {
		return nil
	}
	if agg := c.core.agg; agg != nil {
		agg.close()
		c.core.sender.hasten()
		for round := agg.round(); !agg.drain(round); {
			if c.core.flush(ctx) != nil {
				c.core.queue.hurry()
			}
		}
	}
	if left, why := c.core.sender.close(ctx); left > 0 {
		return c.core.unfinished("close", why, fmt.Sprintf("%d lines dropped", left))
	}
	return nil
}

// unfinished is the error of a Flush or Close that ctx ended.
func (co *core) unfinished(act string, why error, lines string) error {
	s := co.queue.snapshot()
	if !s.Connected && s.LastError != nil {
		return fmt.Errorf("statsd client: %s: %w, %s: %w", act, why, lines, s.LastError)
	}
	return fmt.Errorf("statsd client: %s: %w, %s for %s", act, why, lines, co.target)
}
