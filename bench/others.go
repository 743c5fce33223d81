//go:build linux

package main

import (
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// collectdConfig configures collectd's plugin statsd. collectd publishes the values of its plugins
// in every interval. DeleteX makes it forget idle names, like this project's daemon. CounterSum
// makes it publish the sum of a counter in each interval.
const collectdConfig = `
Hostname "bench"
FQDNLookup false
BaseDir "%[1]s"
PIDFile "%[1]s/pid"
TypesDB "/usr/share/collectd/types.db"
Interval %[2]g
LoadPlugin statsd
LoadPlugin write_graphite
<Plugin statsd>
  Host "127.0.0.1"
  Port "%[3]d"
  DeleteCounters true
  DeleteTimers true
  DeleteGauges true
  DeleteSets true
  CounterSum true
  TimerLower true
  TimerUpper true
  TimerCount true
  TimerPercentile 90
</Plugin>
<Plugin write_graphite>
  <Node "bench">
    Host "127.0.0.1"
    Port "%[4]d"
    Protocol "tcp"
    StoreRates false
    EscapeCharacter "_"
  </Node>
</Plugin>
`

func collectdCommand(s setup) ([]string, error) {
	path := filepath.Join(s.dir, "collectd.conf")
	text := fmt.Sprintf(collectdConfig, s.dir, s.flush.Seconds(), s.port, s.carbon)
	return []string{"/usr/sbin/collectd", "-f", "-C", path}, os.WriteFile(path, []byte(text), 0o644)
}

// brubeck is the program that bench/peers/brubeck builds.
const brubeck = peersFolder + "/brubeck"

// brubeckCommand starts brubeck with one receiver, which reads up to 128 datagrams at a time, like this project's daemon.
// brubeck forgets idle names, and has room for two million names.
func brubeckCommand(s setup) ([]string, error) {
	type object = map[string]any
	seconds := max(int(s.flush.Seconds()), 1)
	config, err := json.Marshal(object{
		"server_name": "bench", "dumpfile": filepath.Join(s.dir, "dump"), "capacity": 21, "expire": seconds,
		"backends": []object{{"type": "carbon", "address": "127.0.0.1", "port": s.carbon, "frequency": seconds}},
		"samplers": []object{{"type": "statsd", "address": "127.0.0.1", "port": s.port, "workers": 1, "multimsg": 128}},
	})
	if err != nil {
		return nil, err
	}
	path := filepath.Join(s.dir, "brubeck.json")
	return []string{brubeck, "--config", path}, os.WriteFile(path, config, 0o644)
}

// etsyFolder is the folder into which make test and make bench install Etsy's statsd.
const etsyFolder = ".counterparts/node_modules/statsd"

func etsyCommand(s setup) ([]string, error) {
	type object = map[string]any
	server := func(network string) object {
		return object{"server": "./servers/" + network, "address": "127.0.0.1", "port": s.port}
	}
	// stats.js expects JavaScript. JSON is a subset of JavaScript.
	config, err := json.Marshal(object{
		"servers":      []object{server("udp"), server("tcp")},
		"mgmt_address": "127.0.0.1", "mgmt_port": s.port + 1,
		"flushInterval": s.flush.Milliseconds(),
		"backends":      []string{"./backends/graphite"},
		"graphiteHost":  "127.0.0.1", "graphitePort": s.carbon,
		"graphite": object{"legacyNamespace": false},
	})
	if err != nil {
		return nil, err
	}
	folder, err := filepath.Abs(etsyFolder)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(s.dir, "etsy.js")
	return []string{"node", filepath.Join(folder, "stats.js"), path}, os.WriteFile(path, config, 0o644)
}

// peersFolder is the folder into which make bin/peers builds the daemons in bench/peers.
const peersFolder = "bin/peers"

// moduleVersion returns the version of a module that is compiled into a program.
func moduleVersion(program, module string) (string, error) {
	info, err := buildinfo.ReadFile(filepath.Join(peersFolder, program))
	if err != nil {
		return "", fmt.Errorf("cannot read the program; make bin/peers builds it: %w", err)
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == module {
			return filepath.Base(module) + " " + m.Version + ", " + info.GoVersion, nil
		}
	}
	return "", fmt.Errorf("%s is built without %s", program, module)
}

func exporterCommand(s setup) ([]string, error) {
	address := "127.0.0.1:" + strconv.Itoa(s.port)
	command := []string{
		filepath.Join(peersFolder, "statsd_exporter"), "--statsd.listen-udp=" + address, "--statsd.listen-tcp=" + address,
		"--web.listen-address=127.0.0.1:" + s.page(), "--log.level=warn",
	}
	if s.mapping {
		command = append(command, "--statsd.mapping-config="+s.globs())
	}
	return command, nil
}

// globs returns rules that map names to Prometheus metric families and labels. There are 32 globs
// for counters by tier and service, 8 for timers by service, 8 for gauges by service, and two for
// all other counters and gauges.
func globs() string {
	var b strings.Builder
	glob := func(match, name string, labels ...string) {
		fmt.Fprintf(&b, "- match: %q\n  name: %q\n  labels:\n", match, name)
		for i, label := range labels {
			fmt.Fprintf(&b, "    %s: \"$%d\"\n", label, i+1)
		}
	}
	b.WriteString("mappings:\n")
	for _, service := range services {
		for _, tier := range tiers {
			glob(fmt.Sprintf("app.*.*.%s.%s.*.*", tier, service), fmt.Sprintf("app_%s_%s", tier, service), "region", "host", "method", "what")
		}
		glob("rpc.*.*.*."+service+".*.*", "rpc_"+service, "region", "host", "tier", "method", "what")
		glob("sys.*.*.*."+service+".*.*", "sys_"+service, "region", "host", "tier", "method", "what")
	}
	glob("app.*.*.*.*.*.*", "app_rest", "region", "host", "tier", "service", "method", "what")
	glob("sys.*.*.*.*.*.*", "sys_rest", "region", "host", "tier", "service", "method", "what")
	return b.String()
}

// unmatched returns a rules file with 50 rules. They match no name that a benchmark sends.
func unmatched() string {
	var b strings.Builder
	b.WriteString("mappings:\n")
	for i := range 50 {
		fmt.Fprintf(&b, "- {match: 'service%d.*.*.time', name: 'time-$1.$2'}\n", i)
	}
	return b.String()
}

// otelcolConfig configures an OpenTelemetry collector that adds up counters and sends the sums as
// deltas.
const otelcolConfig = `
receivers:
  statsd:
    endpoint: "127.0.0.1:%[1]d"
    aggregation_interval: %[2]v
    timer_histogram_mapping:
      - statsd_type: timing
        observer_type: summary
        summary:
          percentiles: [0, 50, 90, 100]
exporters:
  otlphttp:
    endpoint: "http://127.0.0.1:%[3]s"
    tls:
      insecure: true
service:
  telemetry:
    metrics:
      level: none
    logs:
      level: error
  pipelines:
    metrics:
      receivers: [statsd]
      exporters: [otlphttp]
`

func otelcolCommand(s setup) ([]string, error) {
	path := filepath.Join(s.dir, "otelcol.yml")
	text := fmt.Sprintf(otelcolConfig, s.port, s.flush, s.otlp())
	return []string{filepath.Join(peersFolder, "otelcol"), "--config", path}, os.WriteFile(path, []byte(text), 0o644)
}
