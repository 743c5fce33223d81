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

// oddities returns warnings about settings that are valid but probably mistakes.
func (all settings) oddities(cfg *server.Config, sinks []*endpoint) []string {
	return slices.Concat(
		oddSinks(all, sinks),
		all.oddInterval(cfg, sinks),
		all.oddTimers(),
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

// oddSinks returns warnings if nothing is published, if the daemon publishes to itself, or if the receiver's
// certificate is not checked.
func oddSinks(all settings, sinks []*endpoint) (odd []string) {
	if len(sinks) == 0 && !all.given("forward") {
		odd = append(odd, "no sink: nothing is published; set --sink or --graphite-host")
	}
	for _, e := range sinks {
		if !e.scheme.records && all.takesLines(e.host, e.port) {
			odd = append(odd, fmt.Sprintf("the sink %s is the daemon's own port %s: the daemon would receive the points that it publishes", e.address(), e.port))
		}
		if e.insecure() {
			odd = append(odd, fmt.Sprintf("the sink %s: insecure: the certificate of the receiver is not checked, so another host could pretend to be the receiver", e.name))
		}
	}
	return odd
}

// takesLines reports whether the daemon itself accepts lines over TCP at an address.
func (all settings) takesLines(host, port string) bool {
	places := all.doorPlaces("tcp")
	if !all.portOff() {
		places = append(places, place{"--port", all.host("name"), all.text("port")})
	}
	return slices.ContainsFunc(places, func(p place) bool {
		return port != "" && p.name == port && overlap(cmp.Or(p.host, "127.0.0.1"), loopback(host))
	})
}

// loopback replaces localhost and ::1 by 127.0.0.1, so that addresses of this host can be compared.
func loopback(host string) string {
	if host == "localhost" || host == "::1" {
		return "127.0.0.1"
	}
	return host
}

// usualRetention is the finest retention in carbon's example schemas for statsd.
const usualRetention = 10 * time.Second

// oddInterval returns warnings if carbon probably overwrites points, or if a minute is not a
// multiple of the flush interval. These are guesses, because the daemon does not know carbon's
// schemas, and an edge daemon does not know the sinks of the cluster.
func (all settings) oddInterval(cfg *server.Config, sinks []*endpoint) (odd []string) {
	interval := all.duration("flush-interval")
	toGraphite := all.given("forward") || slices.ContainsFunc(sinks, func(e *endpoint) bool { return strings.HasPrefix(e.scheme.name, "graphite") })
	records := slices.ContainsFunc(cfg.Sinks, func(d delivery.Destination) bool { return d.Recorder != nil })
	switch {
	case !toGraphite || interval >= usualRetention:
	case interval < time.Second:
		odd = append(odd, fmt.Sprintf("--flush-interval %v: there are several flushes per second, and Graphite stores only the last flush of each second", interval))
	default:
		odd = append(odd, fmt.Sprintf("--flush-interval %v: a schema of carbon with a retention of 10s would keep 1 of %.3g flushes; "+
			"set the finest retention of the schema to %v", interval, float64(usualRetention)/float64(interval), interval))
	}
	if records && time.Minute%interval != 0 {
		odd = append(odd, fmt.Sprintf("--flush-interval %v: a minute is not a multiple of this interval: the values of an interval count for the minute in which the interval ends", interval))
	}
	return odd
}

// oddTimers returns a warning if nothing is published about timers.
func (all settings) oddTimers() (odd []string) {
	if all.text("timer-stats") == noTimerStats && !all.given("histogram") {
		odd = append(odd, "--timer-stats none: without --histogram, nothing is published about timers")
	}
	return odd
}

// oddRules returns warnings about rules that probably have another effect than intended.
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

// oddLog returns warnings about log settings that have no effect.
func (all settings) oddLog() (odd []string) {
	if all.text("debug-metric") != "" && !all.on("debug") {
		odd = append(odd, "--debug-metric has no effect without --debug")
	}
	if all.on("debug") && all.on("quiet") {
		odd = append(odd, "--quiet has no effect with --debug")
	}
	return odd
}

// oddDescriptors returns a warning if the process may open far fewer files than the settings need.
func oddDescriptors(cfg *server.Config, limit int) []string {
	possible := max(limit-cfg.Reserved(), 1)
	if possible >= cfg.MaxTCPConnections/10*9 {
		return nil
	}
	return []string{fmt.Sprintf("--max-tcp-connections %d: this process may have %d open files, enough for %d connections; raise LimitNOFILE or ulimit -n",
		cfg.MaxTCPConnections, limit, possible)}
}
