// Package client sends metrics from a Go program to a statsd server. It uses TCP by default. Set Config.Network to "udp"
// for a server that supports only UDP.
//
// Most programs need two calls:
//
//	stats, err := client.New(client.Config{Address: "127.0.0.1:8125", Prefix: "shop"})
//	...
//	stats.Incr("orders")
//
// # Calls are cheap
//
// A call writes a line into the packet that is currently being filled, and returns. It does no I/O, does not wait for
// the server, and allocates no memory. A nil or zero [Client] is valid and does nothing, so code that may run without a
// client needs no checks. If the queue of packets is full, samples are dropped. A batch job can set [Config.Block], so
// that calls wait for room in the queue and no samples are dropped.
//
// # No silent loss
//
// A single goroutine manages the connection. It sends full packets immediately, and other packets after
// [Config.FlushInterval]. While the server cannot be reached, lines wait in order in a bounded queue. Lines that do not
// fit into the queue are dropped, counted by cause in [Stats], and reported to [Config.Log]. For every client,
//
//	Stats.Lines == Stats.Sent + Stats.Queued + Stats.Dropped.Total()
//
// Sent counts the lines that the kernel of this host has accepted. The client cannot know which lines the server has
// received, because the statsd protocol has no acknowledgement. If a connection breaks in the middle of a line, the
// whole line is sent again. Call [Client.Close] before the program ends. It sends all queued lines, and returns a
// [DroppedError] if samples were dropped.
//
// # Names, tags, rates
//
// [Client.With] derives a client that adds a prefix and tags. [Client.Sampled] derives a client that sends only a
// fraction of its samples. The lines contain this fraction (the rate), so that the server can scale the samples up.
// Derived clients are cheap and share the connection. Every call also accepts additional tags. Characters that would
// break a line are replaced by '_': control and separator characters, ':' and '|' in a name or set member, and ',' and
// '|' in a tag.
//
// In code that runs often, use the handles that [Client.NewCounter], [Client.NewGauge] and [Client.NewTimer] return. The
// name, tags and rate of a handle are encoded only once.
package client
