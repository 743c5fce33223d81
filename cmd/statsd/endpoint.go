package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"

	"github.com/statsd-ops/statsd/metric"
)

// endpoint is a sink in the settings.
type endpoint struct {
	url    string // text of the URL in the settings; empty for the sink of --graphite-host and --graphite-port
	name   string // name of the sink in metrics and in the log, and name of its spool
	scheme *scheme
	host   string
	port   string
	settings
}

func newEndpoint(s *scheme) *endpoint {
	return &endpoint{scheme: s, host: s.host, port: s.port, settings: newSettings(s.keys)}
}

// parseEndpoint parses the URL of a sink: SCHEME://HOST:PORT?KEY=VALUE&... It also accepts gstatsd's short forms
// for Graphite: HOST:PORT, :PORT or PORT.
func parseEndpoint(text string) (*endpoint, error) {
	if name, address, _ := strings.Cut(text, "="); strings.Contains(address, "://") && !strings.ContainsAny(name, "?:/") {
		return nil, fmt.Errorf("put the name behind the address, as in graphite://HOST:2003?name=%s", name)
	}
	i, rest, err := cutScheme(expand(text), schemeNames(), "graphite://HOST:2003, or HOST:PORT, :PORT or a port")
	if err != nil {
		return nil, err
	}
	e := newEndpoint(&schemes[i])
	u, port, err := parseHost(rest, e.port)
	if err != nil {
		return nil, err
	}
	if e.port == "" && u.Host != "" {
		return nil, fmt.Errorf("%s:// has no address", e.scheme.name)
	}
	e.url, e.host, e.port = text, cmp.Or(u.Hostname(), e.host), port
	if err := e.setQuery(e.scheme.name, e.url, u.RawQuery); err != nil {
		return e, err
	}
	return e, e.checkName()
}

// expand converts gstatsd's short forms to URLs. For any other text without a scheme, it returns "".
func expand(text string) string {
	address, _, _ := strings.Cut(text, "?")
	_, notPort := strconv.ParseUint(address, 10, 16)
	switch {
	case strings.Contains(address, "://"):
		return text
	case notPort == nil:
		return "graphite://:" + text
	case strings.Contains(address, ":"):
		return "graphite://" + text
	}
	return ""
}

// checkName returns an error if the value of the setting name contains characters that are not allowed in the names of
// metrics.
func (all settings) checkName() error {
	if name := all.text("name"); name != "" && !sinkName.MatchString(name) {
		return fmt.Errorf("name: may have at most 64 characters, only a-z, 0-9, _ and -, not %q", name)
	}
	return nil
}

var sinkName = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)

// inherit sets the keys that the URL does not contain. If there is a flag for such a key, the key
// gets the value of the flag: for example, timeout in graphite+tls:// gets the value of
// --graphite-timeout. A key without a flag gets its default.
func (e *endpoint) inherit(all settings) {
	family, _, _ := strings.Cut(e.scheme.name, "+")
	for _, s := range e.settings {
		if global := all.get(family + "-" + s.name); global != nil && global.text() != "" {
			e.setDefault(s.name, global.text())
		}
		if s.def != "" {
			e.setDefault(s.name, s.def)
		}
	}
}

// address returns the address of the sink for use in the log.
func (e *endpoint) address() string {
	if e.port == "" {
		return e.scheme.name + "://"
	}
	return e.scheme.name + "://" + net.JoinHostPort(e.host, e.port)
}

// fault converts an error about the sink or one of its settings to an error about a flag.
func (e *endpoint) fault(err error) error {
	key, isKey := errors.AsType[*metric.FlagError](err)
	switch {
	case e.url != "":
		return metric.FlagErrorf("--sink", e.url, "%w", unflagged{err})
	case isKey:
		return metric.FlagErrorf("--graphite-"+key.Flag, key.Value, "%w", unflagged{key.Err})
	}
	return metric.FlagErrorf("--graphite-host", nil, "%w", err)
}

// unflagged hides the flag of an inner error, because the outer error already names a flag.
type unflagged struct{ error }
