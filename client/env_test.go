package client_test

import (
	"os"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/client"
)

func TestFromEnv(t *testing.T) {
	for _, test := range []struct {
		name, env string
		cfg       client.Config
		want      client.Config
		err       string
	}{
		{name: "nothing set", want: client.Config{Disabled: true}},
		{name: "all set", env: "STATSD_HOST=stats STATSD_PORT=18125 STATSD_PREFIX=app STATSD_PROTOCOL=UDP STATSD_ENABLED=yes",
			want: client.Config{Network: "udp", Address: "stats:18125", Prefix: "app"}},
		{name: "defaults", env: "STATSD_HOST=stats STATSD_PREFIX=app",
			want: client.Config{Network: "tcp", Address: "stats:8125", Prefix: "app"}},
		{name: "an IPv6 host", env: "STATSD_HOST=[::1] STATSD_PREFIX=app",
			want: client.Config{Network: "tcp", Address: "[::1]:8125", Prefix: "app"}},
		{name: "service and environment", env: "STATSD_HOST=stats",
			cfg:  client.Config{Service: "shop", Environment: "testing"},
			want: client.Config{Network: "tcp", Address: "stats:8125", Prefix: "applications.shop.testing"}},
		{name: "an empty prefix with them", env: "STATSD_HOST=stats STATSD_PREFIX=",
			cfg:  client.Config{Service: "shop", Environment: "testing"},
			want: client.Config{Network: "tcp", Address: "stats:8125", Prefix: "applications.shop.testing"}},
		{name: "an empty prefix", env: "STATSD_HOST=stats STATSD_PREFIX=",
			want: client.Config{Network: "tcp", Address: "stats:8125"}},
		{name: "no prefix", env: "STATSD_HOST=stats", cfg: client.Config{Service: "shop"}, err: "no prefix: set STATSD_PREFIX"},
		{name: "no prefix, disabled", env: "STATSD_HOST=stats STATSD_ENABLED=off", want: client.Config{Disabled: true}},
		{name: "the program's own settings win", env: "STATSD_HOST=stats STATSD_PREFIX=app",
			cfg:  client.Config{Network: "unix", Address: "/run/statsd", Prefix: "mine"},
			want: client.Config{Network: "unix", Address: "/run/statsd", Prefix: "mine"}},
		{name: "a server of the program's, and a protocol", env: "STATSD_PROTOCOL=udp STATSD_PORT=unused STATSD_PREFIX=app",
			cfg:  client.Config{Address: "mine"},
			want: client.Config{Network: "udp", Address: "mine", Prefix: "app"}},
		{name: "Kubernetes", env: "STATSD_PORT=tcp://10.0.0.1:8125 STATSD_PREFIX=app",
			want: client.Config{Network: "tcp", Address: "10.0.0.1:8125", Prefix: "app"}},
		{name: "Kubernetes, UDP", env: "STATSD_PORT=udp://10.0.0.1:9125 STATSD_PREFIX=app",
			want: client.Config{Network: "udp", Address: "10.0.0.1:9125", Prefix: "app"}},
		{name: "Kubernetes and a host of one's own", env: "STATSD_HOST=stats STATSD_PORT=tcp://10.0.0.1:9125 STATSD_PROTOCOL=udp STATSD_PREFIX=app",
			want: client.Config{Network: "udp", Address: "stats:9125", Prefix: "app"}},
		{name: "a bad port", env: "STATSD_HOST=stats STATSD_PORT=http STATSD_PREFIX=app", err: `STATSD_PORT is "http": want a port`},
		{name: "port 0", env: "STATSD_HOST=stats STATSD_PORT=0 STATSD_PREFIX=app", err: `STATSD_PORT is "0": want a port`},
		{name: "a bad URL", env: "STATSD_HOST=stats STATSD_PORT=tcp://[::1 STATSD_PREFIX=app", err: "no port and no URL"},
		{name: "a host with its port", env: "STATSD_HOST=stats:8125 STATSD_PREFIX=app", err: `STATSD_HOST is "stats:8125": want a host alone`},
		{name: "a bad protocol in a URL", env: "STATSD_PORT=http://stats:8125 STATSD_PREFIX=app", err: `the protocol in STATSD_PORT is "http": want tcp or udp`},
		{name: "a bad protocol", env: "STATSD_HOST=stats STATSD_PROTOCOL=http STATSD_PREFIX=app", err: `STATSD_PROTOCOL is "http": want tcp or udp`},
	} {
		t.Run(test.name, func(t *testing.T) {
			setEnv(t, test.env)
			got, err := test.cfg.FromEnv()
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %v, want %s", err, test.err)
				}
				if c, err := client.FromEnv(); err == nil || c != nil {
					t.Errorf("FromEnv returned %v, %v", c, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for field, pair := range map[string][2]any{
				"Network": {got.Network, test.want.Network}, "Address": {got.Address, test.want.Address},
				"Prefix": {got.Prefix, test.want.Prefix}, "Disabled": {got.Disabled, test.want.Disabled},
			} {
				if pair[0] != pair[1] {
					t.Errorf("%s is %v, want %v", field, pair[0], pair[1])
				}
			}
		})
	}
}

func TestEnabled(t *testing.T) {
	for value, want := range map[string]bool{
		"1": true, "-3": true, "on": true, "T": true, "TRUE": true, "Yes": true,
		"0": false, "": false, "off": false, "y": false, "enabled": false, "1.0": false,
	} {
		setEnv(t, "STATSD_HOST=stats STATSD_PREFIX=app")
		t.Setenv("STATSD_ENABLED", value)
		if cfg, err := (client.Config{}).FromEnv(); err != nil || cfg.Disabled == want {
			t.Errorf("STATSD_ENABLED=%q: Disabled is %v, %v", value, cfg.Disabled, err)
		}
	}
}

// The client that FromEnv makes writes type prefixes.
func TestFromEnvSends(t *testing.T) {
	r := receive(t, "tcp", "")
	host, port, _ := strings.Cut(r.address, ":")
	setEnv(t, "STATSD_PREFIX=app STATSD_HOST="+host+" STATSD_PORT="+port)
	c, err := client.FromEnv()
	if err != nil {
		t.Fatal(err)
	}
	c.Incr("a")
	if err := c.Close(soon(t)); err != nil {
		t.Fatal(err)
	}
	r.wait(t, func(p []string) bool { return len(p) == 1 && p[0] == "app.counters.a:1|c\n" })
}

// setEnv makes env, "NAME=value ...", the only STATSD variables.
func setEnv(t *testing.T, env string) {
	for _, name := range []string{"HOST", "PORT", "PREFIX", "PROTOCOL", "ENABLED"} {
		t.Setenv("STATSD_"+name, "") // so that it is restored
		if err := os.Unsetenv("STATSD_" + name); err != nil {
			t.Fatal(err)
		}
	}
	for pair := range strings.FieldsSeq(env) {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
}
