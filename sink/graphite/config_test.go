package graphite

import (
	"strings"
	"testing"
	"time"
)

func TestConfigValidate(t *testing.T) {
	for _, tt := range []struct {
		cfg  Config
		want string // in the error; empty: valid
	}{
		{Config{Addr: "localhost:2003"}, ""},
		{Config{Addr: "[::1]:2003", ConnectTimeout: time.Second, KeepOpen: true}, ""},
		{Config{Addr: "[fe80::1%eth0]:65535"}, ""},
		{Config{}, "--graphite-host: "},
		{Config{Addr: "graphite"}, "--graphite-host: "},
		{Config{Addr: "::1:2003"}, "--graphite-host: "},
		{Config{Addr: ":2003"}, "--graphite-host: "},
		{Config{Addr: "[http://graphite]:2003"}, "--graphite-host: "},
		{Config{Addr: "two hosts:2003"}, "--graphite-host: "},
		{Config{Addr: "[graphite:2004]:2003"}, "--graphite-host: "},
		{Config{Addr: "graphite:"}, "--graphite-port: "},
		{Config{Addr: "graphite:0"}, "--graphite-port: "},
		{Config{Addr: "graphite:65536"}, "--graphite-port: "},
		{Config{Addr: "graphite:carbon"}, "--graphite-port: "},
		{Config{Addr: "graphite:-1"}, "--graphite-port: "},
		{Config{Addr: "graphite:2003", ConnectTimeout: -1}, "--graphite-connect-timeout: "},
		{Config{Addr: "graphite:2003", Timeout: -1}, "--graphite-timeout: "},
		{Config{Addr: "graphite:2003", GiveUp: -1}, "--graphite-give-up: "},
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
