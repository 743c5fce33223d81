package client_test

import (
	"os"
	"slices"
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
		{name: "an empty prefix wins over them", env: "STATSD_HOST=stats STATSD_PREFIX=",
			cfg:  client.Config{Service: "shop", Environment: "testing"},
			want: client.Config{Network: "tcp", Address: "stats:8125"}},
		{name: "no prefix, said in code", env: "STATSD_HOST=stats STATSD_PREFIX=app",
			cfg:  client.Config{NoPrefix: true, Service: "shop", Environment: "testing"},
			want: client.Config{Network: "tcp", Address: "stats:8125"}},
		{name: "enabled in code", env: "STATSD_HOST=stats STATSD_PREFIX=app STATSD_ENABLED=no",
			cfg:  client.Config{Enabled: true},
			want: client.Config{Network: "tcp", Address: "stats:8125", Prefix: "app"}},
		{name: "enabled in code without a server", env: "STATSD_PREFIX=app", cfg: client.Config{Enabled: true}, err: "no server: set STATSD_HOST"},
		{name: "disabled in code", env: "STATSD_HOST=stats STATSD_PREFIX=app STATSD_ENABLED=yes",
			cfg:  client.Config{Disabled: true},
			want: client.Config{Disabled: true}},
		{name: "an empty prefix", env: "STATSD_HOST=stats STATSD_PREFIX=",
			want: client.Config{Network: "tcp", Address: "stats:8125"}},
		{name: "no prefix", env: "STATSD_HOST=stats", cfg: client.Config{Service: "shop"}, err: "no prefix: set STATSD_PREFIX"},
		{name: "no prefix, disabled", env: "STATSD_HOST=stats STATSD_ENABLED=off", want: client.Config{Disabled: true}},
		{name: "settings in code win", env: "STATSD_HOST=stats STATSD_PREFIX=app",
			cfg:  client.Config{Network: "unix", Address: "/run/statsd", Prefix: "mine"},
			want: client.Config{Network: "unix", Address: "/run/statsd", Prefix: "mine"}},
		{name: "an address with a port", env: "STATSD_PROTOCOL=udp STATSD_PORT=unused STATSD_PREFIX=app",
			cfg:  client.Config{Address: "mine:18125"},
			want: client.Config{Network: "udp", Address: "mine:18125", Prefix: "app"}},
		{name: "an address without a port", env: "STATSD_HOST=other STATSD_PORT=9125 STATSD_PREFIX=app",
			cfg:  client.Config{Address: "mine"},
			want: client.Config{Network: "tcp", Address: "mine:9125", Prefix: "app"}},
		{name: "an IPv6 address without a port", env: "STATSD_PORT=9125 STATSD_PREFIX=app",
			cfg:  client.Config{Address: "::1"},
			want: client.Config{Network: "tcp", Address: "[::1]:9125", Prefix: "app"}},
		{name: "an address without a port, and Kubernetes", env: "STATSD_PORT=udp://10.0.0.1:9125 STATSD_PREFIX=app",
			cfg:  client.Config{Address: "mine"},
			want: client.Config{Network: "udp", Address: "mine:9125", Prefix: "app"}},
		{name: "a bad port for an address", env: "STATSD_PORT=http STATSD_PREFIX=app", cfg: client.Config{Address: "mine"}, err: `STATSD_PORT is "http"`},
		{name: "a bad address", env: "STATSD_PREFIX=app", cfg: client.Config{Address: "mine/8125"}, err: `Config.Address is "mine/8125", and must be only a host`},
		{name: "Kubernetes", env: "STATSD_PORT=tcp://10.0.0.1:8125 STATSD_PREFIX=app",
			want: client.Config{Network: "tcp", Address: "10.0.0.1:8125", Prefix: "app"}},
		{name: "Kubernetes, UDP", env: "STATSD_PORT=udp://10.0.0.1:9125 STATSD_PREFIX=app",
			want: client.Config{Network: "udp", Address: "10.0.0.1:9125", Prefix: "app"}},
		{name: "Kubernetes and its own host", env: "STATSD_HOST=stats STATSD_PORT=tcp://10.0.0.1:9125 STATSD_PROTOCOL=udp STATSD_PREFIX=app",
			want: client.Config{Network: "udp", Address: "stats:9125", Prefix: "app"}},
		{name: "a bad port", env: "STATSD_HOST=stats STATSD_PORT=http STATSD_PREFIX=app", err: `STATSD_PORT is "http", and must be a port`},
		{name: "port 0", env: "STATSD_HOST=stats STATSD_PORT=0 STATSD_PREFIX=app", err: `STATSD_PORT is "0", and must be a port`},
		{name: "a bad URL", env: "STATSD_HOST=stats STATSD_PORT=tcp://[::1 STATSD_PREFIX=app", err: "neither a port nor a URL"},
		{name: "a host with its port", env: "STATSD_HOST=stats:8125 STATSD_PREFIX=app", err: `STATSD_HOST is "stats:8125", and must be only a host`},
		{name: "a bad protocol in a URL", env: "STATSD_PORT=http://stats:8125 STATSD_PREFIX=app", err: `the protocol in STATSD_PORT is "http", and must be tcp or udp`},
		{name: "a bad protocol", env: "STATSD_HOST=stats STATSD_PROTOCOL=http STATSD_PREFIX=app", err: `STATSD_PROTOCOL is "http", and must be tcp or udp`},
	} {
		t.Run(test.name, func(t *testing.T) {
			setEnv(t, test.env)
			got, err := test.cfg.FromEnv()
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %v, want %s", err, test.err)
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
		"1": true, "-3": true, "+1": true, "99999999999999999999": true, "-99999999999999999999": true, "0001": true, " 1 ": true,
		"-0": false, "+": false, "-": false, "-+1": false, "00000000000000000000": false, "1e3": false, "0x1": false, "on": true, "T": true, "TRUE": true, "Yes": true,
		"0": false, "": false, "off": false, "y": false, "enabled": false, "1.0": false,
	} {
		setEnv(t, "STATSD_HOST=stats STATSD_PREFIX=app")
		t.Setenv("STATSD_ENABLED", value)
		if cfg, err := (client.Config{}).FromEnv(); err != nil || cfg.Disabled == want {
			t.Errorf("STATSD_ENABLED=%q: Disabled is %v, %v", value, cfg.Disabled, err)
		}
	}
}

// TestFromEnvSends checks that FromEnv determines where a client sends, and that the constructor determines the
// format of lines.
func TestFromEnvSends(t *testing.T) {
	r := receive(t, "tcp", "")
	host, port, _ := strings.Cut(r.address, ":")
	setEnv(t, "STATSD_PREFIX=app STATSD_HOST="+host+" STATSD_PORT="+port)
	cfg, err := client.Config{}.FromEnv()
	if err != nil {
		t.Fatal(err)
	}
	for _, construct := range []func(client.Config) (*client.Client, error){client.New, client.NewSprockets} {
		c := open(t, construct, cfg)
		c.Incr("a")
		if err := c.Close(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	r.wait(t, func(p []string) bool { return slices.Equal(p, []string{"app.a:1|c\n", "app.counters.a:1|c\n"}) })
}

// setEnv sets the STATSD variables in env, which has the form "NAME=value ...", and unsets all other STATSD
// variables.
func setEnv(t *testing.T, env string) {
	for _, name := range []string{"HOST", "PORT", "PREFIX", "PROTOCOL", "ENABLED"} {
		t.Setenv("STATSD_"+name, "") // Setenv restores the variable at the end of the test
		if err := os.Unsetenv("STATSD_" + name); err != nil {
			t.Fatal(err)
		}
	}
	for pair := range strings.FieldsSeq(env) {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
}
