package main

import (
	"strings"
	"testing"
)

// TestURLs checks that all settings with URLs are parsed in the same way.
func TestURLs(t *testing.T) {
	t.Parallel()
	const noMore = "must be SCHEME://HOST:PORT?KEY=VALUE, without a user, a path or a fragment"
	for flag, read := range map[string]struct {
		scheme string
		parse  func(text string) error
	}{
		"sink":    {"graphite", func(text string) error { _, err := parseEndpoint(text); return err }},
		"listen":  {"udp", func(text string) error { _, err := parseDoor(text); return err }},
		"forward": {"nats", func(text string) error { _, err := parseForward(text); return err }},
		"collect": {"statsd", func(text string) error { _, err := parseCollect(text); return err }},
	} {
		check := func(url, want string) {
			t.Helper()
			err := read.parse(url)
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("--%s %q: %v, want %q", flag, url, err, want)
			}
		}
		check("://host", "must be a URL such as ")
		check("host/"+read.scheme, "must be a URL such as ")
		check(read.scheme+"+x://host", `unknown scheme "`+read.scheme+`+x"; use `)
		for rest, want := range map[string]string{
			"":                 "",
			"host/":            "",
			":65535":           "",
			"[fe80::1%eth0]:7": "",
			"::1":              "put an IPv6 address in brackets, as in [::1]:",
			"me@host":          noMore,
			"host/path":        noMore,
			"host#part":        noMore,
			"host:65536":       "port 65536: must be at most 65535",
			"host:x":           `invalid port ":x" after host`,
			"host\n":           "invalid ",
			"host?nonsense=1":  read.scheme + `:// has no setting "nonsense"; use `,
			"host?%zz=1":       "invalid URL escape",
		} {
			check(read.scheme+"://"+rest, want)
			check(strings.ToUpper(read.scheme)+"://"+rest, want)
		}
	}
}
