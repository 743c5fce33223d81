// Package client sends metrics from a Go program to a statsd server.
//
// Two calls are what most programs need:
//
//	stats, err := client.New(client.Config{Address: "127.0.0.1:8125", Prefix: "shop"})
//	...
//	stats.Incr("orders")
//
// # It never gets in the way
//
// A call reserves a place in the packet being filled, writes its line there and
// returns. It does no I/O, does not wait for the server and allocates nothing. A
// nil or zero [Client] is valid and does nothing, so code that is given no client
// needs no checks.
//
// # It never loses silently
//
// One goroutine keeps the connection and sends full packets at once, others
// after [Config.FlushInterval]. While the server is away lines wait, in order,
// in a bounded queue; what does not fit is dropped and counted under its reason
// in [Stats], and said through [Config.Log]. For every client
//
//	Stats.Lines == Stats.Sent + Stats.Queued + Stats.Dropped
//
// Sent means taken by this host's kernel: the statsd protocol has no
// acknowledgement. A line that a broken connection cut is sent again whole. Call
// [Client.Close] before the program ends, to send what is still queued.
//
// # Names, tags, rates
//
// [Client.With] derives a client that adds a prefix and tags, [Client.Sampled]
// one that sends only a share of what it is given and says so on the wire.
// Derived clients are cheap and share the connection of the first. Every call
// also takes tags of its own. A byte that would break the line (a control
// character, ':' or '|' in a name or set member, ',' or '|' in a tag) is
// replaced by '_'.
//
// For the hottest places [Client.Counter], [Client.Timer] and [Client.GaugeOf]
// give handles whose name, tags and rate are encoded once.
package client
