package main

import (
	"slices"
	"testing"
)

func TestEnvironmentWarnings(t *testing.T) {
	all := newSettings(flags)
	for variable, want := range map[string]string{
		"STATSD_DAEMON_FLUSH_INTERVALL=5": "STATSD_DAEMON_FLUSH_INTERVALL is ignored: there is no such setting; did you mean STATSD_DAEMON_FLUSH_INTERVAL?",
		"STATSD_DAEMON_GRAPHIT_HOST=a":    "STATSD_DAEMON_GRAPHIT_HOST is ignored: there is no such setting; did you mean STATSD_DAEMON_GRAPHITE_HOST?",
		"STATSD_DAEMON_GRAPHITE-PORT=a":   "STATSD_DAEMON_GRAPHITE-PORT is ignored: there is no such setting; did you mean STATSD_DAEMON_GRAPHITE_PORT?",
		"STATSD_DAEMON_PTC=50":            "STATSD_DAEMON_PTC is ignored: there is no such setting; did you mean STATSD_DAEMON_PCT?",
		"STATSD_DAEMON_WONDERFUL=1":       "STATSD_DAEMON_WONDERFUL is ignored: there is no such setting",
		"STATSD_DAEMON_=1":                "STATSD_DAEMON_ is ignored: there is no such setting",

		"STATSD_FLUSH_INTERVAL=5": "STATSD_FLUSH_INTERVAL is ignored: the variables of the daemon begin with STATSD_DAEMON_; did you mean STATSD_DAEMON_FLUSH_INTERVAL?",
		"STATSD_GRAPHITE_HOST=a":  "STATSD_GRAPHITE_HOST is ignored: the variables of the daemon begin with STATSD_DAEMON_; did you mean STATSD_DAEMON_GRAPHITE_HOST?",

		"STATSD_DAEMON_PORT=tcp://10.0.0.1:8125":          links("STATSD_DAEMON_PORT"),
		"STATSD_DAEMON_PORT=udp://[fd00::1]:8125":         links("STATSD_DAEMON_PORT"),
		"STATSD_DAEMON_MONITOR_PORT=tcp://10.0.0.1:8135":  links("STATSD_DAEMON_MONITOR_PORT"),
		"STATSD_DAEMON_GRAPHITE_PORT=tcp://10.0.0.1:2003": links("STATSD_DAEMON_GRAPHITE_PORT"),
		"STATSD_DAEMON_NAME=/web/statsd-daemon":           links("STATSD_DAEMON_NAME"),

		"STATSD_DAEMON_FLUSH_INTERVAL=5":                  "",
		"STATSD_PORT=tcp://10.0.0.1:8125":                 "",
		"STATSD_HISTOGRAM_PORT=tcp://10.0.0.1:8125":       "",
		"STATSD_ENV=prod":                                 "",
		"STATSD_DAEMON_WEST_PORT=tcp://10.0.0.1:1":        "",
		"STATSD_DAEMON_PORT_8125_UDP=udp://10.0.0.1:8125": "",
		"STATSD_DAEMON_PORT_8125_UDP_PROTO=udp":           "",
		"STATSD_DAEMON_PORT_8125_TCP_PORT=8125":           "",
		"STATSD_DAEMON_MONITOR_SERVICE_PORT_HTTP=8135":    "",
		"STATSD_HOST=client":                              "",
		"STATSD_DAEMON=1":                                 "",
		"STATSD_DAEMON_SERVICE_HOST=10.0.0.1":             "",
		"STATSD_DAEMON_SERVICE_PORT_UDP=8125":             "",
		"STATSD_DAEMON_PORT_8125_UDP_ADDR=10.0.0.01":      "",
	} {
		var wanted []string
		if want != "" {
			wanted = []string{want}
		}
		if got := all.environmentWarnings([]string{"A=b", variable}); !slices.Equal(got, wanted) {
			t.Errorf("%s: %q, want %q", variable, got, want)
		}
	}
}

func links(name string) string {
	return name + ": ignored, because Kubernetes or Docker set this variable for a service of the same name (enableServiceLinks: false turns such variables off)"
}

// TestServiceLinks checks that variables of a Kubernetes service do not change settings with the same name.
func TestServiceLinks(t *testing.T) {
	environment := map[string]string{
		"STATSD_DAEMON_PORT": "tcp://10.0.0.1:8125", "STATSD_DAEMON_MONITOR_PORT": "tcp://10.0.0.1:8135", "STATSD_DAEMON_NAME": "/web/statsd-daemon",
	}
	all := resolved(t, nil, environment)
	if port, monitor, name := all.text("port"), all.text("monitor-port"), all.text("name"); port != "8125" || monitor != "8135" || name != "" {
		t.Errorf("port %s, monitor %s, name %q", port, monitor, name)
	}
	var environ []string
	for name, text := range environment {
		environ = append(environ, name+"="+text)
	}
	if warnings := all.environmentWarnings(environ); len(warnings) != 1 {
		t.Errorf("%d warnings: %q", len(warnings), warnings)
	}
}
