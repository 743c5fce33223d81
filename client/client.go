package client

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Client sends metrics. It is safe for concurrent use. A nil or zero Client does nothing.
//
// The methods that send samples accept tags as their last arguments. A tag is "key:value" or a single word. The
// methods do not keep their arguments after they return.
type Client struct {
	core  *core
	enc   *encoded
	rate  float64     // 0 means a rate of 1
	merge *aggregator // equals core.agg; nil if this client sends only a part of its samples
}

// encoded contains the parts of a line that depend only on the configuration and on the arguments of Client.With. They
// are already encoded, so they only have to be copied.
type encoded struct {
	path  string // prefix of all names, such as "db."
	tags  string // a tag section such as "|#a:b,c", or ""
	scope string // identifies path and tags; "" for the client that New returned
	seed  uint64 // hash of the field scope
	*hasher
	head [kinds]string // all bytes before the name, such as "app.counters.db."
	tail [kinds]string // all bytes after the value, such as "|c|#a:b,c\n"
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

// core is the part that a client shares with all clients that are derived from it.
type core struct {
	queue  *queue
	agg    *aggregator // nil if Config.Aggregate is not set
	sender *sender
	base   string // prefix of all paths, such as "app."
	typed  bool   // same as Config.TypePrefixes
	python bool   // same as Config.pythonTimings
	hasher *hasher
	target string // name of the server in error messages, such as "udp 127.0.0.1:8125"
}

// New returns a client that connects in the background. It does not wait for the server. It returns only errors
// of [Config.Validate].
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
	root := &Client{core: co, enc: co.encode("", string(appendTags(nil, cfg.Tags, false)), ""), merge: co.agg}
	co.sender = startSender(cfg, root)
	return root, nil
}

// NewSprockets returns a client that sends the same lines as the Connector of sprockets-statsd: with type prefixes, and
// timings such as "250.0". It has the same defaults for address, port, protocol and prefix (empty). The differences
// are:
//
//   - The queue of this client holds 1,000 packets by default. The queue of sprockets-statsd holds 1,000 metrics.
//   - A datagram of this client contains several lines. sprockets-statsd sends one metric per datagram.
//   - The pause after failed connections increases from 1 s to 30 s. In sprockets-statsd it is always 1 s.
//   - A negative value sets a gauge. With sprockets-statsd, the server would subtract it from the gauge.
func NewSprockets(cfg Config) (*Client, error) {
	cfg.TypePrefixes = true
	cfg.pythonTimings = true
	return New(cfg)
}

// on reports whether the client sends anything.
func (c *Client) on() bool { return c != nil && c.core != nil }

// With derives a client. It adds prefix after the prefixes of c, and tags after the tags of c. With allocates
// memory, so call it once and keep the derived client.
func (c *Client) With(prefix string, tags ...string) *Client {
	if !c.on() {
		return c
	}
	path := c.enc.path + string(appendPrefix(nil, prefix))
	all := string(appendTags([]byte(c.enc.tags), tags, c.enc.tags != ""))
	return &Client{core: c.core, enc: c.core.encode(path, all, path+"\n"+all), rate: c.rate, merge: c.merge}
}

// appendPrefix appends prefix. It replaces invalid characters, and adds a dot at the end if there is none.
func appendPrefix(b []byte, prefix string) []byte {
	prefix = strings.TrimRight(prefix, ".")
	if prefix == "" {
		return b
	}
	return append(appendClean(b, prefix, '|', ':'), '.')
}

// Sampled derives a client that sends a random part of its samples. The rate is the fraction that is sent, 0 <
// rate <= 1. Any other rate counts as 1. The lines contain the rate, so that the server can scale the samples up.
// The rate replaces the rate of c. Gauge deltas and set members are always sent, because servers cannot scale
// them.
func (c *Client) Sampled(rate float64) *Client {
	if !c.on() {
		return c
	}
	if rate > 0 && rate < 1 {
		return &Client{core: c.core, enc: c.enc, rate: rate}
	}
	return &Client{core: c.core, enc: c.enc, merge: c.core.agg}
}

// skip decides at random whether a sample is left out.
func (c *Client) skip() bool { return c.rate != 0 && rand.Float64() >= c.rate }

// Flush sends all samples that were passed to the client so far. It waits until the kernel has accepted all
// lines, or until they were dropped.
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
		s := co.queue.snapshot()
		err := fmt.Errorf("statsd client: flush: %w, %d lines to %s still queued", endOf(ctx), s.Queued, co.target)
		if !s.Connected && s.LastError != nil {
			err = fmt.Errorf("%w: %w", err, s.LastError)
		}
		return err
	}
}

// Close sends all queued lines. It closes the connection of c and of all clients derived from c. If ctx ends
// before all lines are sent, the remaining lines are dropped. If the server cannot be reached, Close waits until
// ctx ends, so give ctx a deadline. If Config.Dial or a method of the connection does not return, Close waits at
// most one more second for it. It also waits up to a second until [Config.Log] has received the last report.
//
// If any samples were dropped since [New], the error is a [*DroppedError]. After Close, all methods except Stats
// do nothing, and samples count as dropped.
func (c *Client) Close(ctx context.Context) error {
	if !c.on() {
		return nil
	}
	s := c.core.sender
	if agg := c.core.agg; agg != nil {
		agg.close()
		s.hasten()
		for round := agg.round(); !agg.drain(round); {
			if c.core.flush(ctx) != nil {
				c.core.queue.hurry()
			}
		}
	}
	return s.close(ctx)
}

// Report counts an error as a failure of c, and passes it to [Config.Log]. It is for code that uses a client. For
// example, package httpstats calls it for name functions that panic.
func (c *Client) Report(err error) {
	if c.on() && err != nil {
		c.core.sender.report.reported(err)
	}
}
