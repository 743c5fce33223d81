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

// This file parses the settings of listeners that determine which senders are allowed.
var (
	allowKeys  = []flag{{name: keyOfAllow, kind: isNetworks}}
	serverKeys = []flag{{name: "cert"}, {name: "key"}, {name: "client-ca"}, {name: "allow-name", kind: isGlobs}}
	signedKeys = []flag{{name: "keys"}, {name: "drift", kind: isPositive}}
)

// encryptedKeys are the same settings as streamKeys, for listeners with TLS. The default of max is lower, because
// each TLS connection needs buffers of about 40 KiB.
var encryptedKeys = []flag{nameKey, {name: "max", kind: isCount, def: "1000"}, idleKey, lineKey}

// keyOfAllow is the setting with the list of allowed senders. A reload can change its value. Adding
// or removing the setting needs a restart: without an allow list, the daemon does not ask the
// kernel for the senders of datagrams.
const keyOfAllow = "allow"

// rereadKeys are the settings in a listener's URL that a reload can change.
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

// guardByAddress returns the check of senders for a listener without TLS and without signatures. It
// is nil if the listener has no allow list.
func guardByAddress(d *door) (listen.Guard, error) {
	if d.text(keyOfAllow) == "" {
		return nil, nil
	}
	return d.openDoor(admit.Config{})
}

// guardByCertificate returns the check of senders for a listener with TLS.
func guardByCertificate(d *door) (listen.Guard, error) {
	if d.text("cert") == "" || d.text("key") == "" {
		return nil, errors.New("needs a certificate and its key in PEM format, as in tcp+tls://HOST:PORT?cert=FILE&key=FILE")
	}
	return d.openDoor(admit.Config{})
}

// guardBySignature returns the check of senders for a listener that accepts signed datagrams.
func guardBySignature(d *door) (listen.Guard, error) {
	if d.text("keys") == "" {
		return nil, errors.New("needs a file of keys, as in udp+hmac://HOST:PORT?keys=FILE")
	}
	return d.openDoor(admit.Config{KeyFile: d.text("keys"), Drift: d.duration("drift")})
}

// openDoor creates the check of senders from the settings of the listener. The parameter keys
// contains the additional settings for signed datagrams.
func (d *door) openDoor(keys admit.Config) (listen.Guard, error) {
	c, err := d.doorConfig()
	if err != nil {
		return nil, err
	}
	c.KeyFile, c.Drift = keys.KeyFile, keys.Drift
	opened, err := admit.Open(c)
	if err != nil {
		return nil, err // do not return the nil *Door, because an interface that holds it would not be nil
	}
	return opened, nil
}

// doorConfig returns the configuration for the settings in allowKeys and serverKeys.
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

// parseGlobs parses a comma-separated list of patterns.
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
