package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/internal/descriptors"
	"github.com/statsd-ops/statsd/server"
	"github.com/statsd-ops/statsd/sink/prometheus"
)

// oddities warns of settings that are valid, but probably a mistake.
func (all settings) oddities(cfg *server.Config, sinks []*endpoint) []string {
	return slices.Concat(
		oddSinks(all, sinks),
		all.oddInterval(cfg, sinks),
		all.oddDoors(),
		all.oddListeners(),
		all.oddCollect(),
		all.oddEdge(sinks),
		all.oddOwner(),
		oddRules(cfg),
		all.oddLog(),
		all.oddMemory(sinks, availableMemory()),
		oddDescriptors(cfg, descriptors.Limit()),
	)
}

// oddSinks warns if nothing is published, if the daemon publishes to itself, or if it cannot know who gets the points.
func oddSinks(all settings, sinks []*endpoint) (odd []string) {
	if len(sinks) == 0 && !all.given("forward") {
		odd = append(odd, "no sink: nothing is published; set --sink or --graphite-host")
	}
	for _, e := range sinks {
		if !e.scheme.records && all.takesLines(e.host, e.port) {
			odd = append(odd, fmt.Sprintf("the sink %s is the daemon's own port %s: it would read what it publishes", e.address(), e.port))
		}
		if e.insecure() {
			odd = append(odd, fmt.Sprintf("the sink %s: insecure: its certificate is not checked, so another host could take its place", e.name))
		}
	}
	return odd
}

// takesLines reports whether the daemon itself takes lines over TCP at an address.
func (all settings) takesLines(host, port string) bool {
	places := all.doorPlaces("tcp")
	if !all.portOff() {
		places = append(places, place{"--port", all.host("name"), all.text("port")})
	}
	return slices.ContainsFunc(places, func(p place) bool {
		return port != "" && p.name == port && overlap(cmp.Or(p.host, "127.0.0.1"), loopback(host))
	})
}

// loopback returns the address of localhost.
func loopback(host string) string {
	if host == "localhost" || host == "::1" {
		return "127.0.0.1"
	}
	return host
}

// usualRetention is the finest retention of carbon's example schemas for statsd.
const usualRetention = 10 * time.Second

// oddInterval warns of points that carbon overwrites, and of an interval that does not divide a minute. The daemon does
// not know carbon's schemas, or the sinks of a cluster.
func (all settings) oddInterval(cfg *server.Config, sinks []*endpoint) (odd []string) {
	interval := all.duration("flush-interval")
	toGraphite := all.given("forward") || slices.ContainsFunc(sinks, func(e *endpoint) bool { return strings.HasPrefix(e.scheme.name, "graphite") })
	records := slices.ContainsFunc(cfg.Sinks, func(d delivery.Destination) bool { return d.Recorder != nil })
	switch {
	case !toGraphite || interval >= usualRetention:
	case interval < time.Second:
		odd = append(odd, fmt.Sprintf("--flush-interval %v: several flushes share a second, and Graphite keeps the last of them", interval))
	default:
		odd = append(odd, fmt.Sprintf("--flush-interval %v: a schema of carbon with a retention of 10s would keep 1 of %.3g flushes; "+
			"its finest retention must be %v", interval, float64(usualRetention)/float64(interval), interval))
	}
	if records && time.Minute%interval != 0 {
		odd = append(odd, fmt.Sprintf("--flush-interval %v: it does not divide a minute: an interval counts for the minute in which it ends", interval))
	}
	return odd
}

// oddRules warns of rules that probably do not do what their author wants.
func oddRules(cfg *server.Config) (odd []string) {
	if cfg.Rules != nil {
		for _, hint := range cfg.Rules.Warnings() {
			odd = append(odd, fmt.Sprintf("--rules: %v", hint))
		}
	}
	for _, d := range cfg.Sinks {
		if page, ok := d.Recorder.(*prometheus.Sink); ok {
			for _, hint := range page.Hints() {
				odd = append(odd, fmt.Sprintf("the sink %s: %s", d.Name, hint))
			}
		}
	}
	return odd
}

// oddLog warns of settings of the log that cancel each other.
func (all settings) oddLog() (odd []string) {
	if all.text("debug-metric") != "" && !all.on("debug") {
		odd = append(odd, "--debug-metric does nothing without --debug")
	}
	if all.on("debug") && all.on("quiet") {
		odd = append(odd, "--quiet does nothing with --debug")
	}
	return odd
}

// oddDescriptors warns if much fewer files may be open than the settings ask for.
func oddDescriptors(cfg *server.Config, limit int) []string {
	possible := max(limit-cfg.Reserved(), 1)
	if possible >= cfg.MaxTCPConnections/10*9 {
		return nil
	}
	return []string{fmt.Sprintf("--max-tcp-connections %d: %d open files are allowed here, enough for %d connections; raise LimitNOFILE or ulimit -n",
		cfg.MaxTCPConnections, limit, possible)}
}
