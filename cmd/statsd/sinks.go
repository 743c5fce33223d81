package main

import (
	"net"

	"github.com/statsd-ops/statsd/server"
	"github.com/statsd-ops/statsd/sink/graphite"
	"github.com/statsd-ops/statsd/sink/load"
)

// scheme is a kind of sink that --sink can name.
type scheme struct {
	name string
	host string // where the URL has none
	port string // the same; a scheme without one has no address
	keys []flag // what the query can set
	add  func(*server.Config, *endpoint) error
}

// schemes are all kinds of sinks, that of the --graphite flags first.
var schemes = []scheme{
	{name: "graphite", host: "localhost", port: "2003", keys: graphiteKeys, add: addGraphite},
	{name: "load", host: "127.0.0.1", port: "8082", keys: loadKeys, add: addLoad},
}

var (
	nameKey   = flag{name: "name"}
	prefixKey = flag{name: "prefix"}

	graphiteKeys = []flag{
		nameKey,
		prefixKey,
		{name: "keep-open", kind: isSwitch},
		{name: "connect-timeout", kind: isPositive},
		{name: "timeout", kind: isPositive},
		{name: "give-up", kind: isPositive},
	}

	loadKeys = []flag{
		nameKey,
		prefixKey,
		{name: "keep", kind: isCount, def: "60"},
		{name: "max-bytes", kind: isBytes, def: "256MiB"},
	}
)

func schemeNames() (names []string) {
	for _, s := range schemes {
		names = append(names, s.name)
	}
	return names
}

func addGraphite(cfg *server.Config, e *endpoint) error {
	c := graphite.Config{
		Addr:           net.JoinHostPort(e.host, e.port),
		Prefix:         e.text("prefix"),
		KeepOpen:       e.on("keep-open"),
		ConnectTimeout: e.duration("connect-timeout"),
		Timeout:        e.duration("timeout"),
		GiveUp:         e.duration("give-up"),
	}
	s, err := graphite.New(c)
	if err != nil {
		return e.fault(err)
	}
	cfg.Sinks = append(cfg.Sinks, server.NamedSink{Name: e.name, Address: e.address(), Sink: s, Config: c})
	return nil
}

func addLoad(cfg *server.Config, e *endpoint) error {
	c := load.Config{
		Addr:     net.JoinHostPort(e.host, e.port),
		Minutes:  e.count("keep"),
		MaxBytes: e.bytes("max-bytes"),
		Prefix:   e.text("prefix"),
	}
	s, err := load.New(c)
	if err != nil {
		return e.fault(err)
	}
	cfg.Recorders = append(cfg.Recorders, server.NamedRecorder{Name: e.name, Address: e.address(), Recorder: s, Config: c})
	return nil
}
