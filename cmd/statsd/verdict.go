package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/internal/plural"
)

// checkConfig implements --check-config for settings without errors. It prints all settings, warnings about
// probable mistakes, and a verdict.
func (all settings) checkConfig(stdout, stderr io.Writer) error {
	sinks, err := all.endpoints(nil)
	if err != nil {
		return err
	}
	cfg, err := all.config(zerolog.Nop(), sinks)
	if err != nil {
		return err
	}
	if err := errors.Join(all.print(stdout), printEndpoints(stdout, sinks)); err != nil {
		return err
	}
	warnings := append(all.environmentWarnings(os.Environ()), all.oddities(&cfg, sinks)...)
	for _, warning := range warnings {
		fmt.Fprintln(stderr, "statsd:", warning)
	}
	_, err = fmt.Fprintln(stdout, all.verdict(sinks, len(warnings)))
	return err
}

// verdict returns the last line of --check-config for valid settings.
func (all settings) verdict(sinks []*endpoint, warnings int) string {
	var does, names []string
	for _, e := range sinks {
		names = append(names, e.name)
	}
	every := fmt.Sprintf(" every %v", all.duration("flush-interval"))
	if all.given("collect") {
		does = append(does, "collects from "+all.text("collect"))
	}
	if all.given("forward") {
		does = append(does, "forwards to "+all.forwardsTo()+every)
	}
	switch {
	case len(names) > 0:
		does = append(does, "publishes to "+strings.Join(names, ", ")+every)
	case !all.given("forward"):
		does = append(does, "publishes nothing")
	}
	last := len(does) - 1
	text := "# valid: statsd " + does[last]
	if last > 0 {
		text = "# valid: statsd " + strings.Join(does[:last], ", ") + ", and " + does[last]
	}
	if warnings > 0 {
		text += ", with " + plural.Things(uint64(warnings), "warning", "warnings")
	}
	return text
}

// forwardsTo returns the names of the clusters in --forward.
func (all settings) forwardsTo() string {
	var urls []string
	for _, v := range all.get("forward").values {
		urls = append(urls, v.text)
	}
	return strings.Join(urls, " and ")
}

// notValid returns the last line of --check-config for invalid settings.
func notValid(faults int) string {
	return "# not valid: statsd would not start, because of " + plural.Things(uint64(faults), "fault", "faults")
}
