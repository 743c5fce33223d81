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
// The methods that send samples accept tags as last arguments, each "key:value" or a word. They do not keep their
// arguments.
type Client struct {
	core  *core
	enc   *encoded
	rate  float64     // 0 stands for 1
	merge *aggregator // core.agg, or nil if this client is sampled
}

// encoded holds the parts of a line that depend on With only, ready to copy.
type encoded struct {
	path  string // prefix of every name: "db."
	tags  string // a tag section, "|#a:b,c", or empty
	scope string // identifies path and tags; empty for the first client
	seed  uint64 // the hash of scope
	*hasher
	head [kinds]string // everything before the name: "app.counters.db."
	tail [kinds]string // everything after the value: "|c|#a:b,c\n"
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

// core is shared by a client and the clients derived from it.
type core struct {
	queue  *queue
	agg    *aggregator // nil without Config.Aggregate
	sender *sender
	base   string // prefix of every path: "app."
	typed  bool   // Config.TypePrefixes
	python bool   // Config.pythonTimings
	hasher *hasher
	target string // for errors: "udp 127.0.0.1:8125"
}

// New returns a client that connects in the background. It does not wait for
// the server. The only errors come from [Config.Validate].
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

// NewSprockets returns a client that writes the same bytes as sprockets-statsd's Connector: with type prefixes, and
// timings such as "250.0". It has the same defaults for address, port, protocol and prefix (empty). The differences
// are:
//
//   - The queue holds 1,000 packets by default. The queue of Sprockets holds 1,000 metrics.
//   - A datagram carries many lines. Sprockets sends one metric a datagram.
//   - The wait after failed connections grows from 1 s to 30 s. Sprockets always
//     waits 1 s.
//   - A negative gauge is set. Sprockets' server would subtract it.
func NewSprockets(cfg Config) (*Client, error) {
	cfg.TypePrefixes = true
	cfg.pythonTimings = true
	return New(cfg)
}

// on reports whether the client sends at all.
func (c *Client) on() bool { return c != nil && c.core != nil }

// With derives a client that adds prefix after the prefixes of c, and tags after
// the tags of c. With allocates, so call it once and keep the derived client.
func (c *Client) With(prefix string, tags ...string) *Client {
	if !c.on() {
		return c
	}
	path := c.enc.path + string(appendPrefix(nil, prefix))
	all := string(appendTags([]byte(c.enc.tags), tags, c.enc.tags != ""))
	return &Client{core: c.core, enc: c.core.encode(path, all, path+"\n"+all), rate: c.rate, merge: c.merge}
}

// appendPrefix appends prefix, cleaned and with one dot at the end.
func appendPrefix(b []byte, prefix string) []byte {
	prefix = strings.TrimRight(prefix, ".")
	if prefix == "" {
		return b
	}
	return append(appendClean(b, prefix, '|', ':'), '.')
}

// Sampled derives a client that sends a random share of its samples. The rate is the share, 0 < rate <= 1; any other
// rate counts as 1. Lines carry the rate, so that the server scales the samples up. The rate replaces the rate of c.
// Gauge deltas and set members are always sent, because no server can scale those.
func (c *Client) Sampled(rate float64) *Client {
	if !c.on() {
		return c
	}
	if rate > 0 && rate < 1 {
		return &Client{core: c.core, enc: c.enc, rate: rate}
	}
	return &Client{core: c.core, enc: c.enc, merge: c.core.agg}
}

// skip decides at random whether to leave a sample out.
func (c *Client) skip() bool { return c.rate != 0 && rand.Float64() >= c.rate }

// Flush sends everything given to the client so far. It waits until the kernel has accepted the lines or they were
// dropped.
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

// Close sends all queued lines and ends the connection of c and of all clients
// derived from it. When ctx ends first, the rest is dropped. Without a server only ctx ends the wait, so give ctx a
// deadline. If functions of the program do not return, Close waits one more second for the connection, and one second
// for [Config.Log] with the last report.
//
// If any samples were dropped since [New], the error is a [*DroppedError]. After Close all methods except Stats do
// nothing, and samples count as dropped.
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

// Report counts an error as a failure of c, and passes it to [Config.Log]. It is for code around a client: package
// httpstats uses it for name functions that panic.
func (c *Client) Report(err error) {
	if c.on() && err != nil {
		c.core.sender.report.reported(err)
	}
}
