package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/statsd-ops/statsd/metric"
)

// endpoint is a sink in the settings.
type endpoint struct {
	url    string // as given; empty for --graphite-host and --graphite-port
	name   string // its name in figures, in logs and for its spool
	scheme *scheme
	host   string
	port   string
	settings
}

func newEndpoint(s *scheme) *endpoint {
	return &endpoint{scheme: s, host: s.host, port: s.port, settings: newSettings(s.keys)}
}

// parseEndpoint reads the URL of a sink, SCHEME://HOST:PORT?KEY=VALUE&..., or one of gstatsd's
// short forms for Graphite: HOST:PORT, :PORT or PORT.
func parseEndpoint(text string) (*endpoint, error) {
	if name, address, _ := strings.Cut(text, "="); strings.Contains(address, "://") && !strings.ContainsAny(name, "?:/") {
		return nil, fmt.Errorf("put the name behind the address, as in graphite://HOST:2003?name=%s", name)
	}
	u, err := url.Parse(escapeZone(expand(text)))
	if wrong, ok := errors.AsType[*url.Error](err); ok {
		err = wrong.Err
	}
	if err != nil {
		return nil, err
	}
	words := strings.Split(u.Scheme, "+")
	slices.Sort(words[1:])
	name := strings.Join(words, "+")
	i := slices.IndexFunc(schemes, func(s scheme) bool { return s.name == name })
	switch {
	case u.Scheme == "":
		return nil, errors.New("want a URL such as graphite://HOST:2003, or HOST:PORT, :PORT or a port")
	case i < 0:
		return nil, fmt.Errorf("unknown scheme %q; want %s", u.Scheme, oneOf(schemeNames()))
	case strings.Contains(u.Hostname(), ":") && !strings.HasPrefix(u.Host, "["):
		return nil, errors.New("put an IPv6 address in brackets, as in [::1]:2003")
	case u.User != nil, u.Path != "" && u.Path != "/", u.Fragment != "":
		return nil, errors.New("want SCHEME://HOST:PORT?KEY=VALUE, and nothing else")
	}
	s := &schemes[i]
	if s.port == "" && u.Host != "" {
		return nil, fmt.Errorf("%s:// has no address", s.name)
	}
	e := newEndpoint(s)
	e.url, e.host, e.port = text, cmp.Or(u.Hostname(), s.host), cmp.Or(u.Port(), s.port)
	if err := e.setQuery(e.scheme.name, e.url, u.RawQuery); err != nil {
		return e, err
	}
	return e, e.checkName()
}

// expand turns gstatsd's short forms into URLs.
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
	return "//" // a text without a scheme
}

// escapeZone accepts the usual form of an IPv6 zone, as in [fe80::1%eth0]; a URL has %25 for
// the percent sign.
func escapeZone(text string) string {
	begin, end := strings.IndexByte(text, '['), strings.IndexByte(text, ']')
	if begin < 0 || end < begin || strings.Contains(text[begin:end], "%25") {
		return text
	}
	return text[:begin] + strings.ReplaceAll(text[begin:end], "%", "%25") + text[end:]
}

// setQuery sets the keys of the query of a URL. A switch needs no value.
func (all settings) setQuery(scheme, from, query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return err
	}
	for key, texts := range values {
		s := all.get(key)
		if s == nil {
			return fmt.Errorf("%s:// has no setting %q; want %s", scheme, key, oneOf(all.keys()))
		}
		if len(texts) > 1 {
			return fmt.Errorf("%s: is set twice", key)
		}
		text := texts[0]
		if text == "" && s.kind == isSwitch {
			text = "true"
		}
		if err := s.checkText(text); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		s.values = []value{{text, from}}
	}
	return nil
}

// checkFilled refuses keys without a value. An empty variable in a script must not open a daemon to everyone.
func (all settings) checkFilled() error {
	for _, s := range all {
		if len(s.values) > 0 && s.text() == "" {
			return fmt.Errorf("%s: has no value: give it one, or leave it out", s.name)
		}
	}
	return nil
}

// urlPort returns the port of a URL, or the default one.
func urlPort(u *url.URL, otherwise string) (string, error) {
	port := cmp.Or(u.Port(), otherwise)
	if _, err := strconv.ParseUint(port, 10, 16); err != nil && u.Port() != "" {
		return "", fmt.Errorf("port %s: want at most 65535", port)
	}
	return port, nil
}

// checkName refuses a name that figures cannot have.
func (all settings) checkName() error {
	if name := all.text("name"); name != "" && !sinkName.MatchString(name) {
		return fmt.Errorf("name: want at most 64 of a-z 0-9 _ -, not %q", name)
	}
	return nil
}

var sinkName = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)

// keys returns the keys that the query can have.
func (all settings) keys() (names []string) {
	for _, s := range all {
		names = append(names, s.name)
	}
	return names
}

// inherit sets keys that are missing in the URL. The value is that of the flag with the same name (--graphite-timeout
// for timeout of graphite+tls://), or the default.
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

// address returns the address of the sink for logs.
func (e *endpoint) address() string {
	if e.port == "" {
		return e.scheme.name + "://"
	}
	return e.scheme.name + "://" + net.JoinHostPort(e.host, e.port)
}

// fault turns an error about the sink, or one of its settings, into an error about a flag.
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

// unflagged removes the flag from an inner error, because the outer error names a flag.
type unflagged struct{ error }
