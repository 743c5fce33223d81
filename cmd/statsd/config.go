package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/alert"
	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/internal/buildinfo"
	"github.com/statsd-ops/statsd/internal/cli"
	"github.com/statsd-ops/statsd/internal/safefile"
	"github.com/statsd-ops/statsd/meta/access"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/rules"
	"github.com/statsd-ops/statsd/server"
	"github.com/statsd-ops/statsd/statvent/pipes"
)

// The functions in this file return the values of settings that were already checked. A setting without a value
// is returned as a zero value.

func (all settings) on(name string) bool {
	v, _ := parseSwitch(all.text(name))
	return v
}

func (all settings) count(name string) int {
	v, _ := parseCount(all.text(name))
	return v
}

func (all settings) port(name string) int {
	v, _ := parsePort(all.text(name))
	return v
}

func (all settings) duration(name string) time.Duration {
	v, _ := cli.Duration(all.text(name))
	return v
}

func (all settings) console(name string) string {
	v, _ := parseConsole(all.text(name))
	return v
}

func (all settings) bytes(name string) int {
	v, _ := parseBytes(all.text(name))
	return v
}

// dialects contains the dialect for each value of --dialect.
var dialects = map[string]metric.Dialect{
	metric.Reference.String(): metric.Reference,
	metric.Gstatsd.String():   metric.Gstatsd,
	metric.Etsy.String():      metric.Etsy,
}

// senders contains the mode for each value of --discard-senders.
var senders = map[string]intake.Senders{
	"auto": intake.SendersAuto,
	"on":   intake.SendersOn,
	"off":  intake.SendersOff,
}

// tags contains the treatment of tags for each value of --tags.
var tags = map[string]metric.Tags{
	metric.DropTags.String():     metric.DropTags,
	metric.GraphiteTags.String(): metric.GraphiteTags,
	metric.LabelTags.String():    metric.LabelTags,
	metric.TagsInName.String():   metric.TagsInName,
}

// tagStyles contains the formats for each word of --tag-styles. The word "all" means all formats.
var tagStyles = map[string]metric.TagStyles{
	"dogstatsd": metric.DogStatsD,
	"graphite":  metric.Graphite,
	"influxdb":  metric.InfluxDB,
	"librato":   metric.Librato,
	"signalfx":  metric.SignalFX,
}

const allTagStyles = "all"

func (all settings) tagStyles() (styles metric.TagStyles) {
	for _, word := range all.list("tag-styles") {
		styles |= tagStyles[word]
	}
	if all.text("tag-styles") == allTagStyles {
		return allStyles()
	}
	return styles
}

func allStyles() (styles metric.TagStyles) {
	for _, style := range tagStyles {
		styles |= style
	}
	return styles
}

func (all settings) dialect() metric.Dialect { return dialects[all.text("dialect")] }

// host returns the address in a setting. It removes the brackets around an IPv6 address.
func (all settings) host(name string) string {
	text := all.text(name)
	if inner, ok := strings.CutPrefix(text, "["); ok {
		return strings.TrimSuffix(inner, "]")
	}
	return text
}

// config returns the configuration of a server with these sinks.
func (all settings) config(log zerolog.Logger, sinks []*endpoint) (server.Config, error) {
	cfg := server.Config{Fixed: all.fixed(log), Live: all.live()}
	if err := all.addListeners(&cfg); err != nil {
		return cfg, err
	}
	for _, e := range sinks {
		if err := e.scheme.add(&cfg, e); err != nil {
			return cfg, err
		}
	}
	if path := all.text("rules"); path != "" {
		var err error
		if cfg.Rules, err = readRules(path); err != nil {
			return cfg, metric.FlagErrorf("--rules", nil, "%w", err)
		}
	}
	if err := all.addForward(&cfg); err != nil {
		return cfg, err
	}
	if err := all.addCollect(&cfg); err != nil {
		return cfg, err
	}
	if path := all.text("monitor-tokens"); path != "" {
		var err error
		if cfg.MonitorTokens, err = access.ReadTokens(path); err != nil {
			return cfg, metric.FlagErrorf("--monitor-tokens", nil, "%w", err)
		}
	}
	if err := all.addNotifiers(&cfg); err != nil {
		return cfg, err
	}
	if err := all.addChannels(&cfg); err != nil {
		return cfg, err
	}
	return cfg, cfg.Validate()
}

// readRules reads the file of --rules.
func readRules(path string) (*rules.Set, error) {
	text, err := safefile.ReadFile(path, rules.MaxFile)
	if err != nil {
		return nil, err
	}
	set, err := rules.Load(text, rules.Intake)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return set, nil
}

// fixed returns the settings that only a restart can change.
func (all settings) fixed(log zerolog.Logger) server.Fixed {
	return server.Fixed{
		Listen: all.listen(),
		Spool: delivery.Spool{
			SpoolDir:      all.text("spool-dir"),
			SpoolMaxBytes: int64(all.bytes("spool-max-bytes")),
			SpoolFsync:    all.duration("spool-fsync"),
		},
		FlushInterval: all.duration("flush-interval"),
		StateFile:     all.text("state-file"),
		MonitorHost:   all.host("monitor-host"),
		MonitorPort:   all.port("monitor-port"),
		MonitorCert:   all.text("monitor-cert"),
		MonitorKey:    all.text("monitor-key"),
		KeepValues:    all.count("keep-values"),
		HistoryMemory: all.bytes("history-memory"),
		Admin:         all.console("admin"),
		AdminDown:     all.text("admin-health") == "down",
		Hostname:      hostname(),
		Version:       buildinfo.Version(),
		Log:           log,
	}
}

func (all settings) listen() intake.Listen {
	l := intake.Listen{
		Host:           all.host("name"),
		Port:           all.count("port"),
		Receivers:      all.count("receivers"),
		UDPBuffer:      all.bytes("udp-buffer"),
		DiscardSenders: senders[all.text("discard-senders")],
		Dialect:        all.dialect(),
		AbsoluteSigns:  all.text("gauge-signs") == "absolute",
		Tags:           tags[all.text("tags")],
		TagStyles:      all.tagStyles(),
		Containers:     all.text("container") == "label",
		NamesAsSent:    all.text("names") == "as-sent",
		PipeDir:        all.text("pipe-dir"),
		PipePrefix:     all.text("pipe-prefix"),
		PipeTimeout:    all.duration("pipe-timeout"),
	}
	for _, v := range all.get("pipe-counters").values {
		glob, _ := pipes.ParseGlob(v.text)
		l.PipeCounters = append(l.PipeCounters, glob)
	}
	return l
}

// live returns the settings that a reload can change, except the sinks and the notifiers.
func (all settings) live() server.Live {
	return server.Live{
		Limits: intake.Limits{
			MaxTCPConnections: all.count("max-tcp-connections"),
			TCPIdleTimeout:    all.duration("tcp-idle-timeout"),
			TCPLineTimeout:    all.duration("tcp-line-timeout"),
			Debug:             all.on("debug"),
			DebugMetric:       all.text("debug-metric"),
		},
		Publish: delivery.Publish{
			QueueBytes: all.bytes("queue-max-bytes"),
			SpoolAfter: all.duration("spool-after"),
			ReplayRate: all.count("replay-rate"),
			Grace:      all.duration("grace"),
		},
		Audience: alert.Audience{
			Alerts:        all.on("alert"),
			AlertInterval: all.duration("alert-interval"),
		},
		Layout:          all.layout(),
		MetadataPrefix:  all.text("metadata-prefix"),
		Expire:          all.count("expire"),
		GaugeExpire:     all.duration("gauge-expire"),
		MaxNames:        all.count("max-names"),
		MaxNameLength:   all.count("max-name-length"),
		MaxSetMembers:   all.count("max-set-members"),
		MaxTimerSamples: all.count("max-timer-samples"),
	}
}
