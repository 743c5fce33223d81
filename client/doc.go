// Package client sends metrics from a Go program to a statsd server, over TCP by
// default. Set Config.Network to "udp" for a server that has only UDP.
//
// Most programs need two calls:
//
//	stats, err := client.New(client.Config{Address: "127.0.0.1:8125", Prefix: "shop"})
//	...
//	stats.Incr("orders")
//
// # A call is cheap
//
// A call reserves a place in the packet being filled, writes its line there and
// returns. It does no I/O, does not wait for the server and allocates nothing. A
// nil or zero [Client] is valid and does nothing, so code without a client needs
// no checks. A batch job can set [Config.Block]: then calls wait for room in a
// full queue instead of dropping samples.
//
// # No silent loss
//
// One goroutine keeps the connection. It sends full packets at once, and other packets after [Config.FlushInterval].
// While the server is away, lines wait in order in a bounded queue. Lines that do not fit are dropped, counted by cause
// in [Stats], and reported to [Config.Log]. For every client
//
//	Stats.Lines == Stats.Sent + Stats.Queued + Stats.Dropped.Total()
//
// Sent means accepted by this host's kernel: the statsd protocol has no acknowledgement. If a broken connection cuts a
// line, the whole line is sent again. Call [Client.Close] before the program ends. It sends all queued lines, and
// returns a [DroppedError] if samples were dropped.
//
// # Names, tags, rates
//
// [Client.With] derives a client that adds a prefix and tags. [Client.Sampled]
// derives one that sends only a share of its samples and writes the rate on the
// wire. Derived clients are cheap and share the connection. Every call also accepts further tags. Characters that would
// break a line become '_': control and separator characters, ':' and '|' in a name or set member, ',' and '|' in a tag.
//
// In code that runs often, use handles. Their name, tags and rate are encoded only once: [Client.NewCounter],
// [Client.NewGauge] and [Client.NewTimer].
package client
