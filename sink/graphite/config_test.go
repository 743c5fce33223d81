package graphite

import (
	"strings"
	"testing"
	"time"
)

func TestConfigValidate(t *testing.T) {
	for _, tt := range []struct {
		cfg  Config
		want string // start of the error; "" if the configuration is valid
	}{
		{Config{Addr: "localhost:2003"}, ""},
		{Config{Addr: "[::1]:2003", ConnectTimeout: time.Second, KeepOpen: true}, ""},
		{Config{Addr: "[fe80::1%eth0]:65535"}, ""},
		{Config{Addr: "graphite:2003", Prefix: "acme.web-1"}, ""},
		{Config{Addr: "graphite:2003", Prefix: "two words"}, "prefix: "},
		{Config{Addr: "graphite:2003", Prefix: strings.Repeat("a", 1025)}, "prefix: "},
		{Config{}, "host: "},
		{Config{Addr: "graphite"}, "host: "},
		{Config{Addr: "::1:2003"}, "host: "},
		{Config{Addr: ":2003"}, "host: "},
		{Config{Addr: "[http://graphite]:2003"}, "host: "},
		{Config{Addr: "two hosts:2003"}, "host: "},
		{Config{Addr: "[graphite:2004]:2003"}, "host: "},
		{Config{Addr: "graphite:"}, "port: "},
		{Config{Addr: "graphite:0"}, "port: "},
		{Config{Addr: "graphite:65536"}, "port: "},
		{Config{Addr: "graphite:carbon"}, "port: "},
		{Config{Addr: "graphite:-1"}, "port: "},
		{Config{Addr: "graphite:2003", ConnectTimeout: -1}, "connect-timeout: "},
		{Config{Addr: "graphite:2003", Timeout: -1}, "timeout: "},
		{Config{Addr: "graphite:2003", GiveUp: -1}, "give-up: "},
	} {
		err := tt.cfg.Validate()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)) {
			t.Errorf("%+v: error %v, want one that begins with %q", tt.cfg, err, tt.want)
		}
		if _, newErr := New(tt.cfg); (newErr == nil) != (err == nil) {
			t.Errorf("%+v: New says %v, Validate %v", tt.cfg, newErr, err)
		}
	}
}
