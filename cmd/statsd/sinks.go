package main

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/server"
	"github.com/statsd-ops/statsd/sink/graphite"
	"github.com/statsd-ops/statsd/sink/influxdb"
	"github.com/statsd-ops/statsd/sink/load"
	"github.com/statsd-ops/statsd/sink/otlp"
	"github.com/statsd-ops/statsd/sink/secure"
	"github.com/statsd-ops/statsd/sink/stdout"
)

// scheme is a kind of sink.
type scheme struct {
	name string // words after graphite are in alphabetical order: graphite+pickle+tls
	host string // default host for a URL without a host
	port string // default port for a URL without a port; empty if the scheme has no addresses
	keys []flag // settings in the URL's query string
	// foreground means that the sink cannot be used with --daemonize.
	foreground bool
	// records means that the sink is a sink.Recorder, which has no queue.
	records bool
	add     func(*server.Config, *endpoint) error
}

// schemes lists all kinds of sinks. The --graphite flags configure a sink of the first kind.
var schemes = []scheme{
	{name: "graphite", host: "localhost", port: "2003", keys: graphiteKeys, add: addGraphite},
	{name: "graphite+pickle", host: "localhost", port: "2004", keys: graphiteKeys, add: addGraphite},
	{name: "graphite+tls", host: "localhost", port: "2003", keys: slices.Concat(graphiteKeys, tlsKeys), add: addGraphite},
	{name: "graphite+pickle+tls", host: "localhost", port: "2004", keys: slices.Concat(graphiteKeys, tlsKeys), add: addGraphite},
	{name: "influxdb", host: "localhost", port: "8086", keys: influxKeys, add: addInfluxDB},
	{name: "influxdb+https", host: "localhost", port: "8086", keys: slices.Concat(influxKeys, tlsKeys), add: addInfluxDB},
	{name: "influxdb+v2", host: "localhost", port: "8086", keys: influx2Keys, add: addInfluxDB},
	{name: "influxdb+https+v2", host: "localhost", port: "8086", keys: slices.Concat(influx2Keys, tlsKeys), add: addInfluxDB},
	{name: "load", host: "127.0.0.1", port: "8082", keys: loadKeys, records: true, add: addLoad},
	{name: "otlp", host: "localhost", port: "4318", keys: otlpKeys, add: addOTLP},
	{name: "otlp+https", host: "localhost", port: "4318", keys: slices.Concat(otlpKeys, tlsKeys), add: addOTLP},
	{name: "prometheus", host: "127.0.0.1", port: "9102", keys: prometheusKeys, records: true, add: addPrometheus},
	{name: "stdout", keys: []flag{nameKey, prefixKey, {name: "timeout", kind: isPositive}}, foreground: true, add: addStdout},
}

// timerForms are the OTLP messages that timers can be sent as.
var timerForms = []string{"histogram", "summary"}

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
	httpKeys = []flag{
		nameKey,
		prefixKey,
		{name: "header-file"},
		{name: "gzip", kind: isSwitch, def: "true"},
		{name: "timeout", kind: isPositive},
	}
	influxKeys  = slices.Concat(httpKeys, []flag{{name: "db"}, {name: "rp"}})
	influx2Keys = slices.Concat(httpKeys, []flag{{name: "org"}, {name: "bucket"}, {name: "token-file"}})
	otlpKeys    = slices.Concat(httpKeys, []flag{{name: "path"}, {name: "resource"}, {name: "timers", choices: timerForms, def: timerForms[0]}})
	loadKeys    = []flag{
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

// addGraphite adds a graphite sink. The words in the scheme select the protocol and the transport.
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
		c.TLS = e.tls()
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

// tls returns the TLS configuration for the settings in tlsKeys.
func (all settings) tls() *secure.TLS {
	return &secure.TLS{
		CA:         all.text("ca"),
		Cert:       all.text("cert"),
		Key:        all.text("key"),
		ServerName: all.text("server-name"),
		Insecure:   all.on("insecure"),
	}
}

func addInfluxDB(cfg *server.Config, e *endpoint) error {
	c := influxdb.Config{
		Addr:       net.JoinHostPort(e.host, e.port),
		Prefix:     e.text("prefix"),
		HeaderFile: e.text("header-file"),
		Plain:      !e.on("gzip"),
		Timeout:    e.duration("timeout"),
	}
	if strings.HasSuffix(e.scheme.name, "+v2") {
		c.Org, c.Bucket, c.TokenFile = e.text("org"), e.text("bucket"), e.text("token-file")
		if c.Bucket == "" {
			return e.fault(errors.New("bucket: is missing: give the name of the bucket, as in influxdb+v2://HOST:8086?org=ORG&bucket=BUCKET&token-file=FILE"))
		}
	} else {
		c.Database, c.Retention = e.text("db"), e.text("rp")
	}
	if strings.Contains(e.scheme.name, "+https") {
		c.TLS = e.tls()
	}
	s, err := influxdb.New(c)
	if err != nil {
		return e.fault(err)
	}
	cfg.Sinks = append(cfg.Sinks, delivery.Destination{Name: e.name, Address: e.address(), Sink: s, Config: c, Format: "influxdb"})
	return nil
}

func addOTLP(cfg *server.Config, e *endpoint) error {
	c := otlp.Config{
		Addr:       net.JoinHostPort(e.host, e.port),
		Path:       e.text("path"),
		Version:    cfg.Version,
		Prefix:     e.text("prefix"),
		Summaries:  e.text("timers") == "summary",
		HeaderFile: e.text("header-file"),
		Plain:      !e.on("gzip"),
		Timeout:    e.duration("timeout"),
	}
	if strings.HasSuffix(e.scheme.name, "+https") {
		c.TLS = e.tls()
	}
	if text := e.text("resource"); text != "" {
		resource, err := otlp.ParseResource(text)
		if err != nil {
			return e.fault(fmt.Errorf("resource: %w", err))
		}
		c.Resource = resource
	}
	s, err := otlp.New(c)
	if err != nil {
		return e.fault(err)
	}
	cfg.Sinks = append(cfg.Sinks, delivery.Destination{Name: e.name, Address: e.address(), Sink: s, Config: c, Format: "otlp", ExpBins: otlp.ExpBins})
	return nil
}
