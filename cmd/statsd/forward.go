package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/statsd-ops/statsd/forward"
	"github.com/statsd-ops/statsd/internal/glob"
	"github.com/statsd-ops/statsd/internal/safefile"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/link/nats"
	"github.com/statsd-ops/statsd/link/tcp"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/server"
)

// addForward sets where intervals are forwarded, and what of them.
func (all settings) addForward(cfg *server.Config) error {
	url := all.text("forward")
	if url == "" {
		return nil
	}
	to, err := parseClusterURL(url)
	if err == nil {
		err = to.checkForward()
	}
	if err != nil {
		return metric.FlagErrorf("--forward", url, "%w", err)
	}
	t := forward.Target{ForwardTo: to.address(), ForwardID: cmp.Or(all.text("forward-id"), hostname()), ForwardMatch: all.globs("forward-match")}
	if len(t.ForwardMatch) > 0 && len(cfg.Sinks) == 0 {
		return metric.FlagErrorf("--forward-match", nil, "needs a --sink, because the other names would be published nowhere")
	}
	t.Connect = func() (link.Sender, error) { return to.sender(t.ForwardID) }
	cfg.Target = t
	return nil
}

// globs returns the patterns of a setting.
func (all settings) globs(name string) (patterns []glob.Glob) {
	for _, v := range all.get(name).values {
		g, _ := glob.Parse(v.text)
		patterns = append(patterns, g)
	}
	return patterns
}

// checkForward refuses a URL that no edge can have, and files that cannot be read.
func (c *clusterURL) checkForward() error {
	for _, host := range c.hosts {
		if strings.HasPrefix(host, ":") {
			return errors.New("names no host")
		}
	}
	if !c.isCentral() {
		return nil
	}
	if path := c.text("keys"); path != "" {
		if _, err := readKeys(path); err != nil {
			return fmt.Errorf("keys: %w", err)
		}
	}
	if c.scheme.name == "statsd+tls" {
		_, err := c.tls().Client(c.hosts[0])
		return err
	}
	return nil
}

// address returns the URL without its settings: it identifies the cluster.
func (c *clusterURL) address() string {
	address := c.scheme.name + "://" + strings.Join(c.hosts, ",")
	if prefix := c.get("prefix"); prefix != nil && prefix.text() != prefix.def {
		address += "?prefix=" + prefix.text()
	}
	return address
}

// sender returns an edge's connection to the cluster.
func (c *clusterURL) sender(id string) (link.Sender, error) {
	if strings.HasPrefix(c.scheme.name, "nats") {
		return nats.NewSender(c.nats(id))
	}
	cfg := tcp.SenderConfig{Address: c.hosts[0]}
	if path := c.text("keys"); path != "" {
		cfg.Keys = func() ([][]byte, error) { return readKeys(path) }
	}
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

const (
	maxKeysFile = 64 << 10
	minKey      = 16
)

// readKeys reads the keys that a central and its edges share, one a line, newest first. Empty lines, and
// lines that start with #, mean nothing. No other user may have access to the file.
func readKeys(path string) (keys [][]byte, err error) {
	text, err := safefile.ReadPrivate(path, maxKeysFile)
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if len(line) < minKey {
			return nil, fmt.Errorf("%s: a key has %d bytes: want at least %d, such as the output of openssl rand -hex 32", path, len(line), minKey)
		}
		keys = append(keys, line)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s: it has no key: add a line, for example the output of openssl rand -hex 32", path)
	}
	return keys, nil
}
