package main

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// oddDoors returns warnings about ports that other hosts can reach and that require no token.
func (all settings) oddDoors() (odd []string) {
	console, _, _ := net.SplitHostPort(all.console("admin"))
	profiles, _, _ := net.SplitHostPort(all.console("pprof"))
	for _, door := range []struct{ flag, host, guard, shows string }{
		{"monitor-host", all.monitorHost(), "monitor-tokens", "see the metrics of the daemon, the published values and the senders"},
		{"admin", console, "", "see and delete names"},
		{"pprof", profiles, "", "take profiles of the process"},
	} {
		guard := all.get(door.guard)
		switch guarded := guard != nil && guard.given(); {
		case door.host == "" || isLocal(door.host):
		case !guarded:
			odd = append(odd, fmt.Sprintf("--%s %s: everyone who can reach this address can %s", door.flag, all.text(door.flag), door.shows))
		case !all.given("monitor-cert"):
			odd = append(odd, fmt.Sprintf("--%s %s: everyone on the network path can read and use the tokens; set --monitor-cert and --monitor-key", door.flag, all.text(door.flag)))
		}
	}
	return odd
}

// oddListeners returns warnings about allow lists with no effect, because they contain all addresses or because
// another listener accepts lines from every sender. A daemon without any allow list is open on purpose, so there
// is no warning about it.
func (all settings) oddListeners() (odd []string) {
	type port struct{ flag, host string }
	var open []port
	if !all.portOff() {
		open = append(open, port{"--port " + all.text("port"), all.host("name")})
	}
	checked := ""
	for _, v := range all.get("listen").values {
		d, err := parseDoor(v.text)
		switch {
		case err != nil || d.scheme.name.Local():
		case d.checksSenders():
			checked = d.url
		case d.text(keyOfAllow) != "":
			odd = append(odd, fmt.Sprintf("--listen %s: all addresses are in the list of the setting allow, so everyone who can reach this port can send", d.url))
		default:
			open = append(open, port{"--listen " + d.url, d.host})
		}
	}
	for _, p := range open {
		if checked != "" && !isLocal(p.host) {
			odd = append(odd, fmt.Sprintf("%s: everyone who can reach this port can send, although --listen %s checks its senders", p.flag, checked))
		}
	}
	return odd
}

// checksSenders reports whether the settings in a URL restrict who may send.
func (all settings) checksSenders() bool {
	return slices.ContainsFunc(all, func(s *setting) bool {
		return s.text() != "" && (slices.Contains([]string{"keys", "client-ca"}, s.name) || s.name == keyOfAllow && !allowsAll(s.text()))
	})
}

// allowsAll reports whether a list of prefixes contains all IPv4 addresses or all IPv6 addresses.
func allowsAll(list string) bool {
	for word := range strings.SplitSeq(list, ",") {
		if prefix, err := netip.ParsePrefix(strings.TrimSpace(word)); err == nil && prefix.Bits() == 0 {
			return true
		}
	}
	return false
}

// oddCollect returns warnings about a central daemon that accepts data from everyone, or whose connections are
// not encrypted.
func (all settings) oddCollect() (odd []string) {
	c, err := parseCollect(all.text("collect"))
	if err != nil || !c.isCentral() {
		return nil
	}
	host, _, _ := net.SplitHostPort(c.hosts[0])
	if c.checksSenders() || isLocal(host) {
		return nil
	}
	return []string{fmt.Sprintf("--collect %s: everyone who can reach this address can send values; set keys=FILE in the URL, or client-ca=FILE with statsd+tls://, or allow=ADDRESSES", all.text("collect"))}
}

// monitorHost returns the address of the monitor, or "" if the monitor is off.
func (all settings) monitorHost() string {
	if all.port("monitor-port") == noPort {
		return ""
	}
	return all.host("monitor-host")
}

// isLocal reports whether only this host can reach an address.
func isLocal(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// insecure reports whether the settings in a URL accept any certificate.
func (all settings) insecure() bool { return all.get("insecure") != nil && all.on("insecure") }
