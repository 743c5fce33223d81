package main

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/descriptors"
	"github.com/statsd-ops/statsd/server"
)

// oddities warns of settings that are valid, but probably a mistake.
func (all settings) oddities(cfg *server.Config, sinks []*endpoint) []string {
	return slices.Concat(
		oddSinks(all, sinks),
		all.oddInterval(sinks),
		all.oddDoors(),
		all.oddCollect(),
		all.oddLog(),
		all.oddMemory(sinks, availableMemory()),
		oddDescriptors(cfg, descriptors.Limit()),
	)
}

// oddSinks warns if nothing is published, or if the daemon publishes to itself.
func oddSinks(all settings, sinks []*endpoint) (odd []string) {
	switch {
	case all.given("forward") && !all.given("spool-dir"):
		odd = append(odd, "--forward without --spool-dir: what the cluster has not accepted is lost when the daemon ends")
	case len(sinks) == 0 && !all.given("forward"):
		odd = append(odd, "no sink: nothing is published; set --sink or --graphite-host")
	}
	for _, e := range sinks {
		if !e.scheme.records && e.port != "" && e.port == all.text("port") && overlap(cmp.Or(all.host("name"), "127.0.0.1"), loopback(e.host)) {
			odd = append(odd, fmt.Sprintf("the sink %s is the daemon's own port %s: it would read what it publishes", e.address(), e.port))
		}
	}
	return odd
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

// oddInterval warns of points that carbon overwrites. The daemon does not know carbon's schemas.
func (all settings) oddInterval(sinks []*endpoint) (odd []string) {
	interval := all.duration("flush-interval")
	toGraphite := slices.ContainsFunc(sinks, func(e *endpoint) bool { return strings.HasPrefix(e.scheme.name, "graphite") })
	switch {
	case !toGraphite || interval >= usualRetention:
	case interval < time.Second:
		odd = append(odd, fmt.Sprintf("--flush-interval %v: several flushes share a second, and Graphite keeps the last of them", interval))
	default:
		odd = append(odd, fmt.Sprintf("--flush-interval %v: a schema of carbon with a retention of 10s would keep 1 of %.3g flushes; "+
			"its finest retention must be %v", interval, float64(usualRetention)/float64(interval), interval))
	}
	return odd
}

// oddDoors warns of ports that more than this host can reach, and that ask for no token.
func (all settings) oddDoors() (odd []string) {
	console, _, _ := net.SplitHostPort(all.console("admin"))
	profiles, _, _ := net.SplitHostPort(all.text("pprof"))
	for _, door := range []struct{ flag, host, guard, shows string }{
		{"monitor-host", all.monitorHost(), "monitor-tokens", "see its figures, the published values and senders"},
		{"admin", console, "", "see and delete names"},
		{"pprof", profiles, "", "take profiles of the process"},
	} {
		if guard := all.get(door.guard); guard != nil && guard.given() {
			continue
		}
		if host := door.host; host != "" && host != "localhost" && !isLoopback(host) {
			odd = append(odd, fmt.Sprintf("--%s %s: everyone who can reach this address can %s", door.flag, all.text(door.flag), door.shows))
		}
	}
	return odd
}

// oddCollect warns of a central that accepts messages from everybody, or whose traffic others can read.
func (all settings) oddCollect() (odd []string) {
	c, err := parseCollect(all.text("collect"))
	if err != nil || !c.isCentral() {
		return nil
	}
	host, _, _ := net.SplitHostPort(c.hosts[0])
	guarded := slices.ContainsFunc(c.settings, func(s *setting) bool {
		return slices.Contains([]string{"keys", "client-ca", keyOfAllow}, s.name) && s.given()
	})
	if guarded || isLoopback(host) || host == "localhost" {
		return nil
	}
	return []string{fmt.Sprintf("--collect %s: everyone who can reach this address can send values; set keys in the URL, or client-ca with statsd+tls://, or allow", all.text("collect"))}
}

// monitorHost returns the address of the monitor, or "" if it is off.
func (all settings) monitorHost() string {
	if all.port("monitor-port") == noPort {
		return ""
	}
	return all.host("monitor-host")
}

// isLoopback reports whether a host is an address that only this host can reach.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
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
