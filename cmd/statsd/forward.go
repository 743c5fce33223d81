package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/statsd-ops/statsd/forward"
	"github.com/statsd-ops/statsd/internal/glob"
	"github.com/statsd-ops/statsd/internal/signed"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/link/nats"
	"github.com/statsd-ops/statsd/link/tcp"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/server"
)

// addForward adds the clusters of --forward, and the names that are forwarded, to the configuration.
func (all settings) addForward(cfg *server.Config) error {
	clusters, err := all.forwardURLs()
	if err != nil || len(clusters) == 0 {
		return err
	}
	t := forward.Target{ForwardID: cmp.Or(all.text("forward-id"), hostname()), ForwardMatch: all.globs("forward-match")}
	if len(t.ForwardMatch) > 0 && len(cfg.Sinks) == 0 {
		return metric.FlagErrorf("--forward-match", nil, "needs a --sink, which publishes the names that do not match")
	}
	connect := func(to *clusterURL) func() (link.Sender, error) {
		return func() (link.Sender, error) { return to.sender(t.ForwardID) }
	}
	last := len(clusters) - 1
	if to := clusters[last]; last == 1 || all.collectEnds() {
		cfg.Next = forward.Next{NextTo: to.address(), NextAfter: to.time("from"), NextConnect: connect(to)}
		clusters = clusters[:last]
	}
	if len(clusters) > 0 {
		to := clusters[0]
		t.ForwardTo, t.ForwardAfter, t.Connect = to.address(), to.time("from"), connect(to)
	}
	cfg.Target = t
	return nil
}

// maxForward is the maximum number of --forward flags: one cluster, and a second one that replaces it.
const maxForward = 2

// forwardURLs returns the values of --forward, in the order of their start times.
func (all settings) forwardURLs() (clusters []*clusterURL, err error) {
	for _, v := range all.get("forward").values {
		to, err := parseForward(v.text)
		if err == nil {
			err = to.checkForward()
		}
		if err != nil {
			return nil, metric.FlagErrorf("--forward", v.text, "%w", err)
		}
		clusters = append(clusters, to)
	}
	if len(clusters) > maxForward {
		return nil, metric.FlagErrorf("--forward", nil, "may be given at most %d times, not %d", maxForward, len(clusters))
	}
	slices.SortStableFunc(clusters, func(a, b *clusterURL) int { return a.time("from").Compare(b.time("from")) })
	if len(clusters) == maxForward {
		switch second := clusters[1]; {
		case second.time("from").IsZero():
			return nil, metric.FlagErrorf("--forward", second.url, "two clusters are given, and neither has from=TIME: set from=TIME in the URL of the cluster that takes over")
		case second.address() == clusters[0].address():
			return nil, metric.FlagErrorf("--forward", second.url, "has the same cluster as the other --forward: use a different prefix or port for the new cluster")
		}
	}
	return clusters, nil
}

// globs returns the patterns in a setting.
func (all settings) globs(name string) (patterns []glob.Glob) {
	for _, v := range all.get(name).values {
		g, _ := glob.Parse(v.text)
		patterns = append(patterns, g)
	}
	return patterns
}

// checkForward returns an error if the URL is not valid for --forward, or if its files cannot be read.
func (c *clusterURL) checkForward() error {
	for _, host := range c.hosts {
		if strings.HasPrefix(host, ":") {
			return errors.New("names no host")
		}
	}
	if !c.isCentral() {
		return c.nats("").Validate()
	}
	if err := c.checkKeys(); err != nil {
		return err
	}
	if c.scheme.name == "statsd+tls" {
		_, err := c.tls().Client(c.hosts[0])
		return err
	}
	return nil
}

// address returns the URL without its query string. It identifies the cluster.
func (c *clusterURL) address() string {
	address := c.scheme.name + "://" + strings.Join(c.hosts, ",")
	if prefix := c.get("prefix"); prefix != nil && prefix.text() != prefix.def {
		address += "?prefix=" + prefix.text()
	}
	return address
}

// sender returns the connection of an edge daemon to the cluster.
func (c *clusterURL) sender(id string) (link.Sender, error) {
	if strings.HasPrefix(c.scheme.name, "nats") {
		return nats.NewSender(c.nats(id))
	}
	cfg := tcp.SenderConfig{Address: c.hosts[0], Keys: c.sharedKeys()}
	if c.scheme.name == "statsd+tls" {
		cfg.TLS = c.tls().Client
	}
	return tcp.NewSender(cfg), nil
}

// nats returns the configuration of a connection to NATS.
func (c *clusterURL) nats(name string) nats.Config {
	return nats.Config{
		Servers: c.hosts, Name: name, Prefix: c.text("prefix"),
		Creds: c.text("creds"), NKey: c.text("nkey"),
		CA: c.text("ca"), Cert: c.text("cert"), Key: c.text("key"), TLS: c.scheme.name == "nats+tls",
	}
}

// sharedKeys returns a function that reads the keys that a central daemon shares with its edge
// daemons. The function is called for each connection. sharedKeys returns nil if no file is
// configured.
func (c *clusterURL) sharedKeys() tcp.Keys {
	path := c.text("keys")
	if path == "" {
		return nil
	}
	return func() ([][]byte, error) {
		keys, err := signed.ReadKeys(path)
		if err != nil {
			return nil, err
		}
		return keys.All(), nil
	}
}

// checkKeys returns an error if a file of keys is invalid.
func (c *clusterURL) checkKeys() error {
	read := c.sharedKeys()
	if read == nil {
		return nil
	}
	if _, err := read(); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	return nil
}
