package main

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/statsd-ops/statsd/intake/admit"
	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/internal/allow"
	"github.com/statsd-ops/statsd/internal/certs"
	"github.com/statsd-ops/statsd/internal/glob"
)

// This file reads the settings of listeners that decide who may send.
var (
	allowKeys  = []flag{{name: keyOfAllow, kind: isNetworks}}
	serverKeys = []flag{{name: "cert"}, {name: "key"}, {name: "client-ca"}, {name: "allow-name", kind: isGlobs}}
	signedKeys = []flag{{name: "keys"}, {name: "drift", kind: isPositive}}
)

// encryptedKeys are the streamKeys of a listener that speaks TLS. Its connections are fewer, because each
// keeps buffers of its own, of about 40 KiB.
var encryptedKeys = []flag{nameKey, {name: "max", kind: isCount, def: "1000"}, idleKey, lineKey}

// keyOfAllow can change at a reload, but cannot come or go: without it, the kernel is not asked for the
// senders of datagrams.
const keyOfAllow = "allow"

// rereadKeys are the settings that a reload can change.
var rereadKeys = []string{keyOfAllow, "cert", "key", "client-ca", "allow-name", "keys"}

// lasting returns the URL of a listener without the settings that a reload can change.
func (d *door) lasting() string {
	start, query, _ := strings.Cut(d.url, "?")
	var kept []string
	for part := range strings.SplitSeq(query, "&") {
		key, _, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(key)
		switch {
		case err != nil || !slices.Contains(rereadKeys, name):
			kept = append(kept, part)
		case name == keyOfAllow:
			kept = append(kept, keyOfAllow)
		}
	}
	return strings.TrimSuffix(start+"?"+strings.Join(kept, "&"), "?")
}

// guardByAddress makes the guard of a listener without TLS and signatures.
func guardByAddress(d *door) (listen.Guard, error) {
	if d.text(keyOfAllow) == "" {
		return nil, nil
	}
	return d.openDoor(admit.Config{})
}

// guardByCertificate makes the guard of a listener that speaks TLS.
func guardByCertificate(d *door) (listen.Guard, error) {
	if d.text("cert") == "" || d.text("key") == "" {
		return nil, errors.New("needs a certificate and its key in PEM format, as in tcp+tls://HOST:PORT?cert=FILE&key=FILE")
	}
	return d.openDoor(admit.Config{})
}

// guardBySignature makes the guard of a listener for signed datagrams.
func guardBySignature(d *door) (listen.Guard, error) {
	if d.text("keys") == "" {
		return nil, errors.New("needs a file of keys, as in udp+hmac://HOST:PORT?keys=FILE")
	}
	return d.openDoor(admit.Config{KeyFile: d.text("keys"), Drift: d.duration("drift")})
}

// openDoor makes a guard from the settings that all listeners have, and from keys for signed datagrams.
func (d *door) openDoor(keys admit.Config) (listen.Guard, error) {
	c, err := d.doorConfig()
	if err != nil {
		return nil, err
	}
	c.KeyFile, c.Drift = keys.KeyFile, keys.Drift
	opened, err := admit.Open(c)
	if err != nil {
		return nil, err // return nil itself: an interface with a nil *Door would count as a guard
	}
	return opened, nil
}

// doorConfig returns the configuration from the settings of allowKeys and serverKeys.
func (all settings) doorConfig() (c admit.Config, err error) {
	if list := all.text(keyOfAllow); list != "" {
		if c.Allow, err = allow.Parse(list); err != nil {
			return c, fmt.Errorf("allow: %w", err)
		}
	}
	if all.get("cert") == nil {
		return c, nil
	}
	names, err := parseGlobs(all.text("allow-name"))
	if err != nil {
		return c, fmt.Errorf("allow-name: %w", err)
	}
	c.TLS = &certs.Server{Cert: all.text("cert"), Key: all.text("key"), ClientCA: all.text("client-ca"), Names: names}
	return c, nil
}

// parseGlobs reads patterns with commas between them.
func parseGlobs(list string) (all []glob.Glob, err error) {
	if list == "" {
		return nil, nil
	}
	for word := range strings.SplitSeq(list, ",") {
		g, err := glob.Parse(word)
		if err != nil {
			return nil, err
		}
		all = append(all, g)
	}
	return all, nil
}
