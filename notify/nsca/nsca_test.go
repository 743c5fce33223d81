package nsca

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestValidate(t *testing.T) {
	good := Config{Server: "nagios", Host: "web1", Service: "statsd", Method: Rijndael256}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.Service = "" }, ""},
		{func(c *Config) { c.Host = strings.Repeat("h", 63) }, ""},
		{func(c *Config) { c.Service = "Größe " + strings.Repeat("s", 119) }, ""},
		{func(c *Config) { c.Server = "" }, "--nsca-server: is empty: give HOST or HOST:PORT"},
		{func(c *Config) { c.Host = "" }, "--nsca-host: is empty"},
		{func(c *Config) { c.Host = strings.Repeat("h", 64) }, `--nsca-host: "` + strings.Repeat("h", 64) + `" has 64 bytes, and nsca allows at most 63`},
		{func(c *Config) { c.Host = "a\nb" }, `--nsca-host: "a\nb" has bytes that are not printable text`},
		{func(c *Config) { c.Host = "a\x00b" }, `--nsca-host: "a\x00b" has bytes that are not printable text`},
		{func(c *Config) { c.Service = "a;0;b" }, `--nsca-service: "a;0;b" has a semicolon, which ends a field for nagios`},
		{func(c *Config) { c.Service = "a\xff" }, `--nsca-service: "a\xff" has bytes that are not printable text`},
		{func(c *Config) { c.Service = "a\u0085" }, `--nsca-service: "a\u0085" has bytes that are not printable text`},
		{func(c *Config) { c.Service = strings.Repeat("s", 128) }, `--nsca-service: "` + strings.Repeat("s", 128) + `" has 128 bytes, and nsca allows at most 127`},
		{func(c *Config) { c.Method = 20 }, "--nsca-config: encryption_method 20 (serpent) is not supported; " + supported},
		{func(c *Config) { c.Method = 1000 }, "--nsca-config: encryption_method 1000 is not supported; " + supported},
	} {
		config := good
		c.change(&config)
		_, err := New(config)
		if c.want != "" {
			wantError(t, err, c.want)
		} else if err != nil {
			t.Error(err)
		}
	}
}

func TestAddress(t *testing.T) {
	for server, want := range map[string]string{
		"nagios":             "nagios:5667",
		"nagios:15667":       "nagios:15667",
		"192.0.2.1":          "192.0.2.1:5667",
		"192.0.2.1:1":        "192.0.2.1:1",
		"2001:db8::1":        "[2001:db8::1]:5667",
		"[2001:db8::1]":      "[2001:db8::1]:5667",
		"[2001:db8::1]:7":    "[2001:db8::1]:7",
		"fe80::1%eth0":       "[fe80::1%eth0]:5667",
		"nagios:":            `port "" is not a number from 1 to 65535`,
		"nagios:0":           `port "0" is not a number from 1 to 65535`,
		"nagios:65536":       `port "65536" is not a number from 1 to 65535`,
		"nagios:nsca":        `port "nsca" is not a number from 1 to 65535`,
		"http://nagios":      `port "//nagios" is not a number from 1 to 65535`,
		":5667":              `":5667" has no host`,
		"[]":                 `"[]" has no host`,
		"[":                  `"[" has no host`,
		"a:b:c":              `"a:b:c" is neither HOST nor HOST:PORT (an IPv6 address with a port is [ADDRESS]:PORT)`,
		"[[2001:db8::1]]":    `"[[2001:db8::1]]" is neither HOST nor HOST:PORT (an IPv6 address with a port is [ADDRESS]:PORT)`,
		"http://nagios:5667": `"http://nagios:5667" is neither HOST nor HOST:PORT (an IPv6 address with a port is [ADDRESS]:PORT)`,
	} {
		got, err := address(server)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("address(%q) is\n%s, want\n%s", server, got, want)
		}
	}
}

func TestCleanText(t *testing.T) {
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{
		{"all is well", 11, "all is well"},
		{"all is well", 10, "all is wel"},
		{"", 0, ""},
		{"é", 1, ""},
		{"aé", 2, "a"},
		{"aé", 3, "aé"},
		{"a\nb\rc\x00d\x7fe\u0085f|g;h", 99, "a b c d e f g;h"},
		{"a\xff\xc3", 99, "a??"},
		{strings.Repeat("\x80", 9), 4, "????"},
	} {
		if got := cleanText(c.text, c.limit); got != c.want {
			t.Errorf("cleanText(%q, %d) is %q, want %q", c.text, c.limit, got, c.want)
		}
	}
}

func FuzzCleanText(f *testing.F) {
	f.Add("a\nb|é\xff", 3)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = max(limit, -limit, 0) % 5000
		got := cleanText(text, limit)
		if len(got) > limit || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\x00|") {
			t.Errorf("cleanText(%q, %d) is %q", text, limit, got)
		}
	})
}
