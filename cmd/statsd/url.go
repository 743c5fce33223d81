package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// The functions in this file parse the URLs of sinks, listeners and clusters: SCHEME://HOST:PORT?KEY=VALUE&...

// cutScheme returns the index of a URL's scheme in names, and the text after "://". The words after a "+" can be
// in any order.
func cutScheme(text string, names []string, example string) (i int, rest string, err error) {
	begin, rest, found := strings.Cut(text, "://")
	words := strings.Split(strings.ToLower(begin), "+")
	slices.Sort(words[1:])
	i = slices.Index(names, strings.Join(words, "+"))
	switch {
	case !found || begin == "":
		return 0, "", errors.New("must be a URL such as " + example)
	case i < 0:
		return 0, "", fmt.Errorf("unknown scheme %q; use %s", begin, oneOf(names))
	}
	return i, rest, nil
}

// parseHost parses the text after the scheme of a URL. It returns the URL and its port. The parameter otherwise is the
// port for a URL without a port. The host may be empty.
func parseHost(text, otherwise string) (u *url.URL, port string, err error) {
	u, err = url.Parse("//" + escapeZone(text))
	if wrong, ok := errors.AsType[*url.Error](err); ok {
		err = wrong.Err
	}
	switch {
	case err != nil:
		return nil, "", err
	case strings.Contains(u.Hostname(), ":") && !strings.HasPrefix(u.Host, "["):
		return nil, "", fmt.Errorf("put an IPv6 address in brackets, as in [::1]:%s", otherwise)
	case u.User != nil, u.Path != "" && u.Path != "/", u.Fragment != "":
		return nil, "", errors.New("must be SCHEME://HOST:PORT?KEY=VALUE, without a user, a path or a fragment")
	}
	port = cmp.Or(u.Port(), otherwise)
	if _, err := strconv.ParseUint(port, 10, 16); err != nil && port != "" {
		return nil, "", fmt.Errorf("port %s: must be at most 65535", port)
	}
	return u, port, nil
}

// escapeZone escapes the percent sign in an IPv6 zone, as in [fe80::1%eth0]. Package url requires %25.
func escapeZone(text string) string {
	begin, end := strings.IndexByte(text, '['), strings.IndexByte(text, ']')
	if begin < 0 || end < begin || strings.Contains(text[begin:end], "%25") {
		return text
	}
	return text[:begin] + strings.ReplaceAll(text[begin:end], "%", "%25") + text[end:]
}

// setOptions sets the keys in the query string of a URL. A key that is not in the query string gets its default.
func (all settings) setOptions(scheme, from, query string) error {
	if err := all.setQuery(scheme, from, query); err != nil {
		return err
	}
	if err := all.checkFilled(); err != nil {
		return err
	}
	for _, s := range all {
		if s.def != "" {
			all.setDefault(s.name, s.def)
		}
	}
	return nil
}

// setQuery sets the keys in the query string of a URL. A switch may have no value.
func (all settings) setQuery(scheme, from, query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return err
	}
	for key, texts := range values {
		s := all.get(key)
		if s == nil {
			return fmt.Errorf("%s:// has no setting %q; use %s", scheme, key, oneOf(all.keys()))
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

// checkFilled returns an error for each key without a value. A script with an empty variable must not open a
// daemon to everyone by mistake.
func (all settings) checkFilled() error {
	for _, s := range all {
		if len(s.values) > 0 && s.text() == "" {
			return fmt.Errorf("%s: has no value: set a value, or remove the key", s.name)
		}
	}
	return nil
}

// keys returns all keys that the query string may contain.
func (all settings) keys() (names []string) {
	for _, s := range all {
		names = append(names, s.name)
	}
	return names
}
