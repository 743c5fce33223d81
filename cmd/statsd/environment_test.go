package main

import (
	"slices"
	"testing"
)

func TestMisspelt(t *testing.T) {
	all := newSettings(flags)
	for variable, want := range map[string]string{
		"STATSD_DAEMON_FLUSH_INTERVALL=5": "STATSD_DAEMON_FLUSH_INTERVALL is ignored: there is no such setting; did you mean STATSD_DAEMON_FLUSH_INTERVAL?",
		"STATSD_DAEMON_GRAPHIT_HOST=a":    "STATSD_DAEMON_GRAPHIT_HOST is ignored: there is no such setting; did you mean STATSD_DAEMON_GRAPHITE_HOST?",
		"STATSD_DAEMON_GRAPHITE-PORT=a":   "STATSD_DAEMON_GRAPHITE-PORT is ignored: there is no such setting; did you mean STATSD_DAEMON_GRAPHITE_PORT?",
		"STATSD_DAEMON_PTC=50":            "STATSD_DAEMON_PTC is ignored: there is no such setting",
		"STATSD_DAEMON_WONDERFUL=1":       "STATSD_DAEMON_WONDERFUL is ignored: there is no such setting",
		"STATSD_DAEMON_=1":                "STATSD_DAEMON_ is ignored: there is no such setting",

		"STATSD_DAEMON_FLUSH_INTERVAL=5":             "",
		"STATSD_HOST=client":                         "",
		"STATSD_DAEMON=1":                            "",
		"STATSD_DAEMON_SERVICE_HOST=10.0.0.1":        "",
		"STATSD_DAEMON_SERVICE_PORT_UDP=8125":        "",
		"STATSD_DAEMON_PORT_8125_UDP_ADDR=10.0.0.01": "",
	} {
		var wanted []string
		if want != "" {
			wanted = []string{want}
		}
		if got := all.misspelt([]string{"A=b", variable}); !slices.Equal(got, wanted) {
			t.Errorf("%s: %q, want %q", variable, got, want)
		}
	}
}
