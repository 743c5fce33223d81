package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/notify/exec"
	"github.com/statsd-ops/statsd/notify/nsca"
	"github.com/statsd-ops/statsd/server"
	"github.com/statsd-ops/statsd/sink/graphite"
)

// monitorDistance is how far the monitor's port is above the daemon's.
const monitorDistance = 10

// The values of settings that were checked. A setting without a value is zero.

func (all settings) on(name string) bool {
	v, _ := parseSwitch(all.text(name))
	return v
}

func (all settings) count(name string) int {
	v, _ := parseCount(all.text(name))
	return v
}

func (all settings) bytes(name string) int {
	v, _ := parseBytes(all.text(name))
	return v
}

// config makes the server's configuration.
func (all settings) config(log zerolog.Logger) (server.Config, error) {
	cfg := server.Config{
		Host:      all.text("name"),
		Port:      all.count("port"),
		Receivers: runtime.GOMAXPROCS(0),
		UDPBuffer: all.bytes("udp-buffer"),
		Prefix: [metric.Kinds]string{
			metric.Counter: all.text("counters-prefix"),
			metric.Gauge:   all.text("gauge-prefix"),
			metric.Timer:   all.text("timers-prefix"),
			metric.Set:     all.text("sets-prefix"),
		},
		MetadataPrefix: all.text("metadata-prefix"),
		Expire:         all.count("expire"),
		MaxNames:       all.count("max-names"),
		MaxNameLength:  all.count("max-name-length"),
		MaxSetMembers:  all.count("max-set-members"),
		QueueBytes:     all.bytes("queue-max-bytes"),
		MonitorHost:    all.text("monitor-host"),
		KeepValues:     all.count("keep-values"),
		Alerts:         all.on("alert"),
		Version:        version(),
		Log:            log,
		Debug:          all.on("debug"),
		DebugMetric:    all.text("debug-metric"),
	}
	cfg.FlushInterval, _ = parseDuration(all.text("flush-interval"))
	cfg.GaugeExpire, _ = parseDuration(all.text("gauge-expire"))
	cfg.AlertInterval, _ = parseDuration(all.text("alert-interval"))
	cfg.Grace, _ = parseDuration(all.text("grace"))
	for _, text := range all.get("pct").values {
		p, _ := parseNumber(text)
		cfg.Percentiles = append(cfg.Percentiles, p)
	}
	if all.given("receivers") {
		cfg.Receivers = all.count("receivers")
	}
	switch signs := all.text("gauge-signs"); signs {
	case "delta", "absolute":
		cfg.AbsoluteSigns = signs == "absolute"
	default:
		return cfg, fmt.Errorf("--gauge-signs: want delta or absolute, not %q", signs)
	}
	switch when := all.text("discard-senders"); when {
	case "auto":
		cfg.DiscardSenders = server.SendersAuto
	case "on":
		cfg.DiscardSenders = server.SendersOn
	case "off":
		cfg.DiscardSenders = server.SendersOff
	default:
		return cfg, fmt.Errorf("--discard-senders: want auto, on or off, not %q", when)
	}
	if cfg.DebugMetric != "" && !cfg.Debug {
		return cfg, errors.New("--debug-metric: needs --debug too")
	}
	cfg.MonitorPort = all.monitorPort(cfg.Port)
	if err := all.addSinks(&cfg); err != nil {
		return cfg, err
	}
	if err := all.addNotifiers(&cfg); err != nil {
		return cfg, err
	}
	return cfg, cfg.Validate()
}

// monitorPort returns the monitor's port: for a daemon whose port is picked, it
// is picked too.
func (all settings) monitorPort(port int) int {
	switch {
	case all.given("monitor-port"):
		p, _ := parsePort(all.text("monitor-port"))
		return p
	case port == 0:
		return 0
	}
	return port + monitorDistance
}

func (all settings) addSinks(cfg *server.Config) error {
	if !all.given("graphite-host") && !all.given("graphite-port") {
		return nil
	}
	host, port := all.text("graphite-host"), 2003
	if host == "" {
		host = "localhost"
	}
	if all.given("graphite-port") {
		port = all.count("graphite-port")
	}
	sink, err := graphite.New(graphite.Config{
		Addr:     net.JoinHostPort(host, strconv.Itoa(port)),
		KeepOpen: all.on("graphite-keep-open"),
	})
	if err != nil {
		return err
	}
	cfg.Sinks = append(cfg.Sinks, server.NamedSink{Name: "graphite", Sink: sink})
	return nil
}

func (all settings) addNotifiers(cfg *server.Config) error {
	if !cfg.Alerts {
		for _, name := range []string{"nsca-server", "notify-exec"} {
			if all.given(name) {
				return fmt.Errorf("--%s: needs --alert too", name)
			}
		}
		return nil
	}
	if path := all.text("notify-exec"); path != "" {
		n, err := exec.New(exec.Config{Path: path})
		if err != nil {
			return err
		}
		cfg.Notifiers = append(cfg.Notifiers, server.NamedNotifier{Name: "exec", Notifier: n})
	}
	if !all.given("nsca-server") {
		return nil
	}
	n, err := all.nsca(cfg.MetadataPrefix)
	if err != nil {
		return err
	}
	cfg.Notifiers = append(cfg.Notifiers, server.NamedNotifier{Name: "nsca", Notifier: n, EveryLook: true})
	return nil
}

func (all settings) nsca(service string) (*nsca.Client, error) {
	c := nsca.Config{
		Server:  all.text("nsca-server"),
		Host:    all.text("nsca-host"),
		Service: all.text("nsca-service"),
		Method:  nsca.XOR, // as send_nsca's file without a word about it
		Legacy:  all.on("nsca-legacy"),
	}
	if c.Service == "" {
		c.Service = service
	}
	if c.Host == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("--nsca-host: it was not given, and the system's is not known: %w", err)
		}
		c.Host = host
	}
	if path := all.text("nsca-config"); path != "" {
		var err error
		if c.Method, c.Password, err = nsca.ReadConfig(path); err != nil {
			return nil, err
		}
	}
	return nsca.New(c)
}
