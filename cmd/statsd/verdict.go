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

// checkConfig implements --check-config for settings without faults: it prints all settings, warnings about oddities,
// and a verdict.
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

// verdict is the last line of --check-config for valid settings.
func (all settings) verdict(sinks []*endpoint, warnings int) string {
	does := "publishes nothing"
	var names []string
	for _, e := range sinks {
		names = append(names, e.name)
	}
	if len(names) > 0 {
		does = fmt.Sprintf("publishes to %s every %v", strings.Join(names, ", "), all.duration("flush-interval"))
	}
	if all.given("forward") {
		forwards := fmt.Sprintf("forwards to %s every %v", all.text("forward"), all.duration("flush-interval"))
		if len(names) > 0 {
			forwards += ", and " + does
		}
		does = forwards
	}
	if all.given("collect") {
		does = fmt.Sprintf("collects from %s, and %s", all.text("collect"), does)
	}
	text := "# valid: statsd " + does
	if warnings > 0 {
		text += ", with " + plural.Things(uint64(warnings), "warning", "warnings")
	}
	return text
}

// notValid is the last line of --check-config for settings with faults.
func notValid(faults int) string {
	return "# not valid: statsd would not start, because of " + plural.Things(uint64(faults), "fault", "faults")
}
