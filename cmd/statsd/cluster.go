package main

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// clusterScheme is a type of connection between the daemons of a cluster.
type clusterScheme struct {
	name string
	port string // default port
	many bool   // the URL may contain several hosts
	// The field edge lists the settings in the query string of --forward. The field owner lists the settings of --collect.
	edge, owner []flag
}

var clusterSchemes = []clusterScheme{
	{name: "statsd", port: "8127", edge: slices.Concat(sharedKeys, fromKeys), owner: slices.Concat(sharedKeys, allowKeys, fromKeys, untilKeys)},
	{name: "statsd+tls", port: "8127", edge: slices.Concat(sharedKeys, tlsKeys, fromKeys), owner: slices.Concat(sharedKeys, allowKeys, serverKeys, fromKeys, untilKeys)},
	{name: "nats", port: "4222", many: true, edge: slices.Concat(natsKeys, fromKeys), owner: slices.Concat(natsKeys, fromKeys, untilKeys)},
	{name: "nats+tls", port: "4222", many: true, edge: slices.Concat(natsKeys, fromKeys), owner: slices.Concat(natsKeys, fromKeys, untilKeys)},
}

// clusterSchemeNames returns the names of all types of connections.
func clusterSchemeNames() (names []string) {
	for i := range clusterSchemes {
		names = append(names, clusterSchemes[i].name)
	}
	return names
}

// fromKeys is the setting for the time when this cluster replaces another cluster. untilKeys is the setting for
// the time when another cluster replaces this cluster.
var (
	fromKeys  = []flag{{name: "from", kind: isTime}}
	untilKeys = []flag{{name: "until", kind: isTime}}
)

// sharedKeys is the setting for the file of keys that a central daemon shares with its edge
// daemons.
var sharedKeys = []flag{{name: "keys"}}

var natsKeys = []flag{
	{name: "creds"}, {name: "nkey"}, {name: "ca"}, {name: "cert"}, {name: "key"},
	{name: "prefix", def: "sd"},
}

// clusterURL is a parsed URL of --forward or --collect.
type clusterURL struct {
	url    string // text of the URL in the settings
	scheme *clusterScheme
	hosts  []string // each in the form "host:port"
	settings
}

func parseForward(text string) (*clusterURL, error) {
	return parseClusterURL(text, func(s *clusterScheme) []flag { return s.edge })
}

func parseCollect(text string) (*clusterURL, error) {
	return parseClusterURL(text, func(s *clusterScheme) []flag { return s.owner })
}

// parseClusterURL parses a URL of the form SCHEME://HOST[:PORT][,HOST[:PORT]...][?KEY=VALUE&...].
func parseClusterURL(text string, keys func(*clusterScheme) []flag) (*clusterURL, error) {
	i, rest, err := cutScheme(text, clusterSchemeNames(), "statsd://HOST:8127 or nats://HOST1,HOST2,HOST3")
	if err != nil {
		return nil, err
	}
	s := &clusterSchemes[i]
	hosts, query, _ := strings.Cut(rest, "?")
	c := &clusterURL{url: text, scheme: s, settings: newSettings(keys(s))}
	for host := range strings.SplitSeq(hosts, ",") {
		u, port, err := parseHost(host, s.port)
		if err != nil {
			return nil, err
		}
		c.hosts = append(c.hosts, net.JoinHostPort(u.Hostname(), port))
	}
	if len(c.hosts) > 1 && !s.many {
		return nil, fmt.Errorf("%s:// accepts only one host", s.name)
	}
	return c, c.setOptions(s.name, text, query)
}

// time returns the time in a setting, or the zero time if the setting is empty.
func (c *clusterURL) time(name string) time.Time {
	at, _ := parseTime(c.text(name))
	return at
}
