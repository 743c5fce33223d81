package main

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
)

// place is a port or path that only one setting can use.
type place struct{ flag, host, name string }

// checkPorts returns an error for each port that two listeners share.
func (all settings) checkPorts() problems {
	return append(all.portClashes(all.streamPlaces()), all.portClashes(all.datagramPlaces())...)
}

// datagramPlaces returns all UDP ports that the daemon binds.
func (all settings) datagramPlaces() (places []place) {
	if !all.portOff() {
		places = append(places, place{"--port", all.host("name"), all.text("port")})
	}
	return append(places, all.doorPlaces("udp")...)
}

// doorPlaces returns the ports of --listen for a network.
func (all settings) doorPlaces(network string) (places []place) {
	for _, v := range all.get("listen").values {
		if d, err := parseDoor(v.text); err == nil && d.scheme.name.Network() == network {
			places = append(places, place{"--listen " + v.text, d.host, d.port})
		}
	}
	return places
}

// streamPlaces returns all TCP ports that the daemon binds.
func (all settings) streamPlaces() []place {
	places := []place{{"--monitor-port", all.host("monitor-host"), all.text("monitor-port")}}
	if !all.portOff() {
		places = append([]place{{"--port", all.host("name"), all.text("port")}}, places...)
	}
	places = append(places, all.doorPlaces("tcp")...)
	for flag, address := range map[string]string{"--admin": all.console("admin"), "--pprof": all.console("pprof")} {
		host, port, _ := net.SplitHostPort(address)
		places = append(places, place{flag, cmp.Or(host, "127.0.0.1"), port})
	}
	places = append(places, all.collectPlaces()...)
	for _, v := range all.get("sink").values {
		if e, err := parseEndpoint(v.text); err == nil && e.scheme.records {
			places = append(places, place{"--sink " + v.text, e.host, e.port})
		}
	}
	return places
}

func (all settings) portClashes(places []place) (found problems) {
	for i, p := range places {
		for _, other := range places[:i] {
			if p.name == other.name && p.name != "" && p.name != "0" && overlap(p.host, other.host) {
				found = append(found, all.clash(p, other, "port "+p.name))
			}
		}
	}
	return found
}

// overlap reports whether two sockets with the same port, on the addresses a and b, are in conflict.
func overlap(a, b string) bool {
	if a == b || a == "" || b == "" {
		return true
	}
	one, errOne := netip.ParseAddr(a)
	two, errTwo := netip.ParseAddr(b)
	if errOne != nil || errTwo != nil {
		return false // host names are not resolved
	}
	one, two = one.Unmap(), two.Unmap()
	return one == two || one.Is4() == two.Is4() && (one.IsUnspecified() || two.IsUnspecified())
}

// checkPaths returns an error for each file or directory that two settings share. Beside the state file and beside a socket, the
// daemon also makes files with the same name and a suffix such as .lock.
func (all settings) checkPaths() (found problems) {
	places := []place{}
	files := []string{"config", "nsca-config", "notify-auth-file", "rules", "state-file", "pidfile", "log-file", "spool-dir", "pipe-dir"}
	for _, name := range files {
		path := all.text(name)
		if path == "" || strings.HasPrefix(path, "/dev/") {
			continue
		}
		places = append(places, place{flag: "--" + name, name: filepath.Clean(path)})
		if name == "state-file" {
			for _, beside := range []string{".new", ".lock", ".alerts", ".alerts.new", ".cluster", ".cluster.new"} {
				places = append(places, place{flag: "--" + name, name: filepath.Clean(path) + beside})
			}
		}
	}
	for _, v := range all.get("listen").values {
		if d, err := parseDoor(v.text); err == nil && d.path != "" {
			places = append(places, place{flag: "--listen " + v.text, name: d.path})
			if d.path[0] != '@' {
				places = append(places, place{flag: "--listen " + v.text, name: d.path + ".lock"}, place{flag: "--listen " + v.text, name: d.path + ".new"})
			}
		}
	}
	for i, p := range places {
		for _, other := range places[:i] {
			if p.name == other.name {
				found = append(found, all.clash(p, other, "the file "+p.name))
			}
		}
	}
	return found
}

func (all settings) clash(p, other place, what string) error {
	err := fmt.Errorf("%s: %s is already used by %s", p.flag, what, other.flag)
	name, _, _ := strings.Cut(strings.TrimPrefix(p.flag, "--"), " ")
	return all.get(name).locate("", err)
}
