package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
)

// layout returns the settings for the names and values that a flush publishes. All settings must
// already be checked, and the defaults must be set.
func (all settings) layout() aggregate.Layout {
	l := aggregate.Naming(all.text("naming")).Layout()
	l.Prefix = [metric.Kinds]string{
		metric.Counter: all.text("counters-prefix"),
		metric.Gauge:   all.text("gauge-prefix"),
		metric.Timer:   all.text("timers-prefix"),
		metric.Set:     all.text("sets-prefix"),
	}
	l.GlobalPrefix, l.GlobalSuffix = all.text("prefix"), all.text("suffix")
	l.Counters = all.list("counters")
	if l.TimerStats = all.list("timer-stats"); slices.Equal(l.TimerStats, []string{noTimerStats}) {
		l.TimerStats = nil
	}
	l.KeepGauges, l.GaugeFlushes = all.text("gauges") == "keep", all.count("gauge-flushes")
	l.IdleZeros = all.text("idle") == "zero"
	l.Percentiles = nil
	for _, text := range all.list("pct") {
		p, _ := parseNumber(text)
		l.Percentiles = append(l.Percentiles, p)
	}
	for _, v := range all.get("histogram").values {
		h, _ := aggregate.ParseHistogram(v.text)
		l.Histograms = append(l.Histograms, h)
	}
	return l
}

// noTimerStats is a value of --timer-stats. With this value, only the histograms of timers are published.
const noTimerStats = "none"

// list returns the comma-separated words in a setting.
func (all settings) list(name string) (words []string) {
	for _, v := range all.get(name).values {
		words = append(words, strings.Split(v.text, ",")...)
	}
	return words
}

// namings returns the names of all naming schemes.
func namings() (names []string) {
	for _, n := range aggregate.Namings() {
		names = append(names, string(n))
	}
	return names
}

// idleDay is the default time for which a name is published after its last sample.
const idleDay = 24 * time.Hour

// deriveLayout sets the defaults for the naming scheme.
func (all settings) deriveLayout() {
	l := aggregate.Naming(all.text("naming")).Layout()
	choice := func(on bool, yes, no string) string {
		if on {
			return yes
		}
		return no
	}
	for name, text := range map[string]string{
		"counters-prefix": l.Prefix[metric.Counter],
		"gauge-prefix":    l.Prefix[metric.Gauge],
		"timers-prefix":   l.Prefix[metric.Timer],
		"sets-prefix":     l.Prefix[metric.Set],
		"prefix":          l.GlobalPrefix,
		"counters":        strings.Join(l.Counters, ","),
		"timer-stats":     strings.Join(l.TimerStats, ","),
		"gauges":          choice(l.KeepGauges || all.given("gauge-flushes"), "keep", "seen"),
		"idle":            choice(l.IdleZeros, "zero", "drop"),
	} {
		if text != "" {
			all.setDefault(name, text)
		}
	}
	expire := 2
	if interval := all.duration("flush-interval"); all.text("idle") == "zero" && interval > 0 {
		expire = max(expire, int(idleDay/interval))
	}
	all.setDefault("expire", strconv.Itoa(expire))
}

// checkWords returns an error if text is not a comma-separated list of words from the parameter
// list. The parameter alone lists the words that must not be combined with other words.
func checkWords(text string, list []string, alone ...string) error {
	if slices.Contains(alone, text) {
		return nil
	}
	for word := range strings.SplitSeq(text, ",") {
		if !slices.Contains(list, word) {
			only := ""
			if len(alone) > 0 {
				only = ", or only " + strings.Join(alone, " or only ")
			}
			return fmt.Errorf("must be one or more of %s, separated by commas%s, not %q", strings.Join(list, ", "), only, word)
		}
	}
	return nil
}
