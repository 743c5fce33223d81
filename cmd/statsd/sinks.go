package main

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/server"
	"github.com/statsd-ops/statsd/sink/graphite"
	"github.com/statsd-ops/statsd/sink/load"
	"github.com/statsd-ops/statsd/sink/prometheus"
	"github.com/statsd-ops/statsd/sink/stdout"
)

// scheme is a kind of sink.
type scheme struct {
	name string // words in alphabetical order: graphite+pickle+tls
	host string // default for a URL without one
	port string // default for a URL without one; empty for a scheme without addresses
	keys []flag // settings in the query
	// foreground says that it cannot run in the background.
	foreground bool
	// records says that it is a Recorder, without a queue.
	records bool
	add     func(*server.Config, *endpoint) error
}

// schemes lists all kinds of sinks. The first one belongs to the --graphite flags.
var schemes = []scheme{
	{name: "graphite", host: "localhost", port: "2003", keys: graphiteKeys, add: addGraphite},
	{name: "graphite+pickle", host: "localhost", port: "2004", keys: graphiteKeys, add: addGraphite},
	{name: "graphite+tls", host: "localhost", port: "2003", keys: slices.Concat(graphiteKeys, tlsKeys), add: addGraphite},
	{name: "graphite+pickle+tls", host: "localhost", port: "2004", keys: slices.Concat(graphiteKeys, tlsKeys), add: addGraphite},
	{name: "load", host: "127.0.0.1", port: "8082", keys: loadKeys, records: true, add: addLoad},
	{name: "prometheus", host: "127.0.0.1", port: "9102", keys: prometheusKeys, records: true, add: addPrometheus},
	{name: "stdout", keys: []flag{nameKey, prefixKey, {name: "timeout", kind: isPositive}}, foreground: true, add: addStdout},
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
	tlsKeys = []flag{
		{name: "ca"},
		{name: "cert"},
		{name: "key"},
		{name: "server-name"},
		{name: "insecure", kind: isSwitch},
	}
	loadKeys = []flag{
		nameKey,
		prefixKey,
		{name: "keep", kind: isCount, def: "60"},
		{name: "max-bytes", kind: isBytes, def: "256MiB"},
	}
	prometheusKeys = []flag{
		nameKey,
		{name: "mapping"},
		{name: "ttl", kind: isDuration, def: "0"},
		{name: "labels"},
		{name: "unmapped", choices: []string{"keep", "drop"}, def: "keep"},
		{name: "own", kind: isSwitch, def: "true"},
		{name: "max-series", kind: isCount, def: "1000000"},
		{name: "max-families", kind: isCount, def: "50000"},
	}
)

func schemeNames() (names []string) {
	for _, s := range schemes {
		names = append(names, s.name)
	}
	return names
}

// addGraphite adds a graphite sink. The scheme selects how it sends.
func addGraphite(cfg *server.Config, e *endpoint) error {
	c := graphite.Config{
		Addr:           net.JoinHostPort(e.host, e.port),
		Prefix:         e.text("prefix"),
		KeepOpen:       e.on("keep-open"),
		ConnectTimeout: e.duration("connect-timeout"),
		Timeout:        e.duration("timeout"),
		GiveUp:         e.duration("give-up"),
	}
	format := ""
	if strings.Contains(e.scheme.name, "+pickle") {
		c.Pickle, format = true, "pickle"
	}
	if strings.Contains(e.scheme.name, "+tls") {
		c.TLS = &graphite.TLS{
			CA:         e.text("ca"),
			Cert:       e.text("cert"),
			Key:        e.text("key"),
			ServerName: e.text("server-name"),
			Insecure:   e.on("insecure"),
		}
	}
	s, err := graphite.New(c)
	if err != nil {
		return e.fault(err)
	}
	cfg.Sinks = append(cfg.Sinks, delivery.Destination{Name: e.name, Address: e.address(), Sink: s, Config: c, Format: format})
	return nil
}

func addStdout(cfg *server.Config, e *endpoint) error {
	c := stdout.Config{Prefix: e.text("prefix"), Timeout: e.duration("timeout")}
	s, err := stdout.New(c)
	if err != nil {
		return e.fault(err)
	}
	cfg.Sinks = append(cfg.Sinks, delivery.Destination{Name: e.name, Address: e.address(), Sink: s, Config: c})
	return nil
}

func addLoad(cfg *server.Config, e *endpoint) error {
	c := load.Config{
		Addr:     net.JoinHostPort(e.host, e.port),
		Minutes:  e.count("keep"),
		MaxBytes: e.bytes("max-bytes"),
		Prefix:   e.text("prefix"),
	}
	if l := cfg.Layout; l.Naming == aggregate.Gstatsd && c.Prefix == "" {
		c.Prefix = l.GlobalPrefix
	}
	s, err := load.New(c)
	if err != nil {
		return e.fault(err)
	}
	cfg.Sinks = append(cfg.Sinks, delivery.Destination{Name: e.name, Address: e.address(), Recorder: s, Config: c})
	return nil
}

// addPrometheus adds a prometheus sink. It reads the mapping, so a bad one is an error of the settings.
func addPrometheus(cfg *server.Config, e *endpoint) error {
	c := prometheus.Config{
		Addr:          net.JoinHostPort(e.host, e.port),
		Mapping:       e.text("mapping"),
		Tagged:        cfg.Tagged(),
		TTL:           e.duration("ttl"),
		DropUnmatched: e.text("unmapped") == "drop",
		Own:           e.on("own"),
		MaxSeries:     e.count("max-series"),
		MaxFamilies:   e.count("max-families"),
	}
	if text := e.text("labels"); text != "" {
		c.Labels = map[string]string{}
		for one := range strings.SplitSeq(text, ",") {
			name, value, ok := strings.Cut(one, ":")
			if !ok {
				return e.fault(fmt.Errorf("labels: want NAME:VALUE,..., not %q", text))
			}
			c.Labels[name] = value
		}
	}
	log := cfg.Log
	s, err := prometheus.New(c, func(text string) { log.Warn().Str("sink", e.name).Msg(text) })
	if err != nil {
		return e.fault(err)
	}
	cfg.Sinks = append(cfg.Sinks, delivery.Destination{Name: e.name, Address: e.address(), Recorder: s, Config: c})
	return nil
}
