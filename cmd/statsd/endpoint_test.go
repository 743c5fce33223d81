package main

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/sink/graphite"
	"github.com/statsd-ops/statsd/sink/secure"
)

func TestParseEndpoint(t *testing.T) {
	for _, tt := range []struct {
		text, scheme, host, port, prefix string
	}{
		{"graphite://carbon:2103", "graphite", "carbon", "2103", ""},
		{"GRAPHITE://carbon", "graphite", "carbon", "2003", ""},
		{"graphite://carbon/", "graphite", "carbon", "2003", ""},
		{"graphite://", "graphite", "localhost", "2003", ""},
		{"graphite://:7", "graphite", "localhost", "7", ""},
		{"graphite://[::1]", "graphite", "::1", "2003", ""},
		{"graphite://[::1]:7?prefix=a", "graphite", "::1", "7", "a"},
		{"graphite://[fe80::1%eth0]:7", "graphite", "fe80::1%eth0", "7", ""},
		{"graphite://[fe80::1%25eth0]:7", "graphite", "fe80::1%eth0", "7", ""},
		{"graphite://carbon?prefix=%61.b", "graphite", "carbon", "2003", "a.b"},
		{"carbon:2103", "graphite", "carbon", "2103", ""},
		{"10.0.0.1:2103?prefix=a", "graphite", "10.0.0.1", "2103", "a"},
		{"[::1]:2103", "graphite", "::1", "2103", ""},
		{"[fe80::1%eth0]:2103", "graphite", "fe80::1%eth0", "2103", ""},
		{":2103", "graphite", "localhost", "2103", ""},
		{"graphite+pickle://carbon?prefix=a", "graphite+pickle", "carbon", "2004", "a"},
		{"graphite+tls://carbon?ca=/a/b.pem&insecure", "graphite+tls", "carbon", "2003", ""},
		{"graphite+pickle+tls://carbon?ca=/a/b.pem", "graphite+pickle+tls", "carbon", "2004", ""},
		{"graphite+tls+pickle://carbon:7", "graphite+pickle+tls", "carbon", "7", ""},
		{"stdout://", "stdout", "", "", ""},
		{"stdout://?prefix=a", "stdout", "", "", "a"},
		{"2103", "graphite", "localhost", "2103", ""},
		{"2103?prefix=a", "graphite", "localhost", "2103", "a"},
	} {
		e, err := parseEndpoint(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		got := []string{e.scheme.name, e.host, e.port, e.text("prefix")}
		if !slices.Equal(got, []string{tt.scheme, tt.host, tt.port, tt.prefix}) {
			t.Errorf("%s is read as %q", tt.text, got)
		}
	}
}

func TestParseEndpointErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "must be a URL",
		"carbon":                      "must be a URL",
		"stdout":                      "must be a URL",
		"65536":                       "must be a URL",
		"main=graphite://carbon":      "as in graphite://HOST:2003?name=main",
		"::1:2003":                    "in brackets",
		"http://carbon":               `unknown scheme "http"; use graphite`,
		"graphite+tls+tls://carbon":   `unknown scheme "graphite+tls+tls"`,
		"stdout://carbon":             "stdout:// has no address",
		"stdout://?keep-open":         `stdout:// has no setting "keep-open"; use name, prefix or timeout`,
		"graphite://c?ca=a":           `graphite:// has no setting "ca"`,
		"graphite://carbon:x":         `invalid port ":x"`,
		"graphite://me@carbon":        "without a user, a path or a fragment",
		"graphite://carbon/render":    "without a user, a path or a fragment",
		"graphite://carbon#a":         "without a user, a path or a fragment",
		"graphite://carbon?a=1":       `graphite:// has no setting "a"; use name, prefix,`,
		"graphite://carbon?timeout=x": `timeout: must be seconds, or a duration such as 10s or 1m30s, not "x"`,
		"graphite://c?timeout=0":      `timeout: must be more than 0, not "0"`,
		"graphite://c?timeout=-1s":    `timeout: must be more than 0, not "-1s"`,
		"graphite://c?timeout":        "timeout: must be seconds",
		"graphite://c?keep-open=2":    `keep-open: must be true or false, not "2"`,
		"graphite://c?name=a&name=b":  "name: is set twice",
		"graphite://c?name=../b":      `name: may have at most 64 characters, only a-z, 0-9, _ and -, not "../b"`,
		"graphite://c?name=a;b=1":     "invalid semicolon",
		"graphite://c?prefix=%zz":     "invalid URL escape",
		"graphite://[::1":             "missing ']'",
	} {
		_, err := parseEndpoint(text)
		if err == nil {
			t.Errorf("%q is taken", text)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %q, want %q in it", text, err, want)
		}
	}
}

func FuzzParseEndpoint(f *testing.F) {
	for _, text := range []string{"graphite://[::1]:2003?timeout=1s&name=a", "host:1", "1", "[a%b]:1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := parseEndpoint(text)
		if err != nil {
			return
		}
		again, err := parseEndpoint(e.address())
		if err != nil || again.host != e.host || again.port != e.port {
			t.Errorf("%q is %q, which is read as %+v, %v", text, e.address(), again, err)
		}
	})
}

// named returns the names of sinks.
func named(all []*endpoint) (names []string) {
	for _, e := range all {
		names = append(names, e.name)
	}
	return names
}

func TestEndpointNames(t *testing.T) {
	sinks := func(running []*endpoint, args ...string) []*endpoint {
		found, err := resolved(t, args, nil).endpoints(running)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	first := sinks(nil, "--graphite-host=a", "-sb:1", "-sc:1?name=west", "-sd:1?name=graphite-3", "-se:1", "-sstdout://", "-sgraphite+pickle://")
	if got := named(first); !slices.Equal(got, []string{"graphite", "graphite-2", "west", "graphite-3", "graphite-4", "stdout", "graphite-pickle"}) {
		t.Errorf("the sinks are called %q", got)
	}
	// The reload removes a sink, adds another sink before the others, and gives a sink a name.
	second := sinks(first, "-sx:1", "-se:1", "-sb:1", "-sd:1")
	if got := named(second); !slices.Equal(got, []string{"graphite", "graphite-4", "graphite-2", "graphite-3"}) {
		t.Errorf("after a reload the sinks are called %q", got)
	}
	for _, args := range [][]string{{"-sa:1?name=x", "-sb:1?name=x"}, {"-sa:1", "-sa:1"}} {
		if err := problemsOf(args); err == nil || !strings.HasPrefix(err.Error(), "--sink "+args[1][2:]+": ") {
			t.Errorf("%s: error %v", args, err)
		}
	}
}

// TestGraphiteSchemes checks that the words after graphite in a scheme select the protocol and the transport.
func TestGraphiteSchemes(t *testing.T) {
	for _, tt := range []struct {
		url  string
		want graphite.Config
	}{
		{"graphite://c", graphite.Config{Addr: "c:2003"}},
		{"graphite+pickle://c", graphite.Config{Addr: "c:2004", Pickle: true}},
		{"graphite+tls://c?insecure", graphite.Config{Addr: "c:2003", TLS: &secure.TLS{Insecure: true}}},
		{"graphite+tls+pickle://c?server-name=d", graphite.Config{Addr: "c:2004", Pickle: true, TLS: &secure.TLS{ServerName: "d"}}},
	} {
		cfg := configOf(t, []string{"--sink=" + tt.url})
		got := cfg.Sinks[0].Config.(graphite.Config)
		tt.want.ConnectTimeout, tt.want.Timeout, tt.want.GiveUp = got.ConnectTimeout, got.Timeout, got.GiveUp
		if !reflect.DeepEqual(got, tt.want) || (cfg.Sinks[0].Format == "pickle") != got.Pickle {
			t.Errorf("%s makes %+v in format %q, want %+v", tt.url, got, cfg.Sinks[0].Format, tt.want)
		}
	}
}

// TestEndpointsSpooled checks that with a spool, sinks with the same scheme need names. Without names, they would
// differ only in their order.
func TestEndpointsSpooled(t *testing.T) {
	for _, tt := range []struct {
		sinks string
		want  string // part of the error; "" if the settings are valid
	}{
		{"a:1", ""},
		{"a:1 graphite+pickle://b graphite+tls://c stdout://", ""},
		{"a:1?name=graphite b:1?name=west", ""},
		{"load://:1 load://:2", ""},
		{"a:1 b:1", "--sink a:1: needs a name, such as ?name=west, because there is another graphite sink (b:1)"},
		{"a:1?name=west b:1", "--sink b:1: needs a name, such as ?name=west, because there is another graphite sink (a:1?name=west)"},
		{"graphite+tls://a a:1 graphite+tls://b", "--sink graphite+tls://a: needs a name"},
	} {
		var args []string
		for sink := range strings.FieldsSeq(tt.sinks) {
			args = append(args, "-s"+sink)
		}
		if _, err := resolved(t, args, nil).endpoints(nil); err != nil {
			t.Errorf("%s: error %v without a spool", tt.sinks, err)
		}
		err := problemsOf(append(args, "--spool-dir=x"))
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)) {
			t.Errorf("%s: error %v, want %q", tt.sinks, err, tt.want)
		}
	}
	beside := []string{"--graphite-host=a", "-sb:1?name=west", "--spool-dir=x"}
	if _, err := resolved(t, beside, nil).endpoints(nil); err != nil {
		t.Errorf("%s: %v", beside, err)
	}
	beside[1] = "-sb:1"
	if err := problemsOf(beside); err == nil || !strings.Contains(err.Error(), "(--graphite-host)") {
		t.Errorf("%s: error %v", beside, err)
	}
}

// TestEndpointsInherit checks that the --graphite flags are the defaults of all graphite sinks.
func TestEndpointsInherit(t *testing.T) {
	all := resolved(t, []string{"--graphite-timeout=3s", "--graphite-keep-open", "-sa:1?timeout=7s", "-sb:1?keep-open=no"}, nil)
	found, err := all.endpoints(nil)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := found[0], found[1]; a.text("timeout") != "7s" || !a.on("keep-open") || b.text("timeout") != "3s" || b.on("keep-open") || b.text("give-up") != "5m" {
		t.Errorf("the settings are %v and %v", a.settings, b.settings)
	}
}
