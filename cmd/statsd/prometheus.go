package main

import (
	"fmt"
	"net"
	"strings"

	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/server"
	"github.com/statsd-ops/statsd/sink/prometheus"
)

var prometheusKeys = []flag{
	nameKey,
	{name: "mapping"},
	{name: "ttl", kind: isDuration, def: "0"},
	{name: "labels"},
	{name: "unmapped", choices: []string{"keep", "drop"}, def: "keep"},
	{name: "own", kind: isSwitch, def: "true"},
	{name: "max-series", kind: isCount, def: "1000000"},
	{name: "max-families", kind: isCount, def: "50000"},
}

// addPrometheus adds a prometheus sink. It reads the mapping file, so that an invalid mapping is an error in the
// settings.
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
				return e.fault(fmt.Errorf("labels: must be NAME:VALUE,..., not %q", text))
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
