package main

import (
	"slices"
	"strings"
	"testing"
)

// TestSuggestions checks that the completion script offers only valid values. It also checks the values that the script
// offers for some flags, and that it offers a scheme for each flag with a URL.
func TestSuggestions(t *testing.T) {
	want := map[string]string{
		"tags":         "drop graphite labels keep-in-name",
		"tag-styles":   "dogstatsd graphite influxdb librato signalfx all",
		"counters":     "rate count",
		"listen":       "udp:// udp+hmac:// tcp:// tcp+tls:// unixgram:// unix://",
		"forward":      "statsd:// statsd+tls:// nats:// nats+tls://",
		"collect":      "statsd:// statsd+tls:// nats:// nats+tls://",
		"monitor-port": "off",
		"admin":        "off",
	}
	for _, c := range completions() {
		f := flags[slices.IndexFunc(flags, func(f flag) bool { return f.name == c.Name || slices.Contains(f.aliases, c.Name) })]
		if words := strings.Join(c.Choices, " "); want[c.Name] != "" && words != want[c.Name] {
			t.Errorf("--%s offers %q, want %q", c.Name, words, want[c.Name])
		}
		if strings.HasSuffix(c.Value, "URL") && len(c.Choices) == 0 && !c.Path {
			t.Errorf("--%s offers no scheme", c.Name)
		}
		for _, word := range c.Choices {
			if err := f.kind.check(word); err != nil && !c.Open {
				t.Errorf("--%s offers %s: %v", c.Name, word, err)
			}
		}
	}
}
