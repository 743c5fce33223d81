package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/statsd-ops/statsd/forward"
	"github.com/statsd-ops/statsd/metric"
)

// endpoints returns all sinks in the settings. A sink that is already running keeps its name.
func (all settings) endpoints(running []*endpoint) ([]*endpoint, error) {
	var found []*endpoint
	if all.given("graphite-host") || all.given("graphite-port") {
		e := newEndpoint(&schemes[0])
		e.host, e.port = all.host("graphite-host"), all.text("graphite-port")
		found = append(found, e)
	}
	for _, v := range all.get("sink").values {
		e, err := parseEndpoint(v.text)
		if err != nil {
			return nil, metric.FlagErrorf("--sink", v.text, "%w", err)
		}
		if slices.ContainsFunc(found, func(other *endpoint) bool { return other.url == e.url }) {
			return nil, e.fault(errors.New("given twice"))
		}
		found = append(found, e)
	}
	if len(found) == 0 && all.asGstatsd() && !all.given("forward") {
		return nil, errors.New("you must specify at least one stats sink: -s [HOST]:PORT")
	}
	for _, e := range found {
		if e.scheme.foreground && all.on("daemonize") {
			return nil, e.fault(errors.New("has no standard output with --daemonize"))
		}
		if strings.HasPrefix(e.scheme.name, "graphite") {
			if err := all.checkGraphite(); err != nil {
				return nil, e.fault(err)
			}
		}
		e.inherit(all)
	}
	if all.text("spool-dir") != "" {
		if err := checkSpools(found); err != nil {
			return nil, err
		}
	}
	return found, nameEndpoints(found, running)
}

// checkGraphite returns an error if the names of metrics may be invalid in Graphite.
func (all settings) checkGraphite() error {
	switch {
	case all.text("names") == "as-sent":
		return errors.New("graphite does not accept all names of --names=as-sent; leave out --names=as-sent")
	case all.text("tags") == "labels":
		return errors.New("graphite does not accept all labels of --tags=labels; use --tags=graphite")
	}
	return nil
}

// checkSpools returns an error if two sinks with the same scheme have no names. Such sinks differ only in their
// order. After a restart with another order, each sink would send the spool of another sink. The sink of
// --graphite-host is always the first sink, so it needs no name.
func checkSpools(all []*endpoint) error {
	for _, e := range all {
		if e.url == "" || e.text("name") != "" || e.scheme.records {
			continue
		}
		i := slices.IndexFunc(all, func(other *endpoint) bool { return other != e && other.scheme == e.scheme })
		if i >= 0 {
			return e.fault(fmt.Errorf("needs a name, such as ?name=west, because there is another %s sink (%s): "+
				"after a restart, the spool of one sink could go to the other sink", e.scheme.name, cmp.Or(all[i].url, "--graphite-host")))
		}
	}
	return nil
}

// forwardNames matches the names that are reserved for --forward.
var forwardNames = regexp.MustCompile("^" + forward.DestinationName + "(-[0-9]+)?$")

// nameEndpoints gives each sink a name. The name in the URL has priority. A sink that was running before a reload
// keeps its name. Other sinks are named after their scheme, with a number if there are several.
func nameEndpoints(all, running []*endpoint) error {
	taken := map[string]bool{}
	take := func(e *endpoint, name string) bool {
		if e.name != "" || name == "" || taken[name] {
			return false
		}
		e.name, taken[name] = name, true
		return true
	}
	for _, e := range all {
		switch name := e.text("name"); {
		case forwardNames.MatchString(name):
			return e.fault(fmt.Errorf("name: %s is reserved for --forward; choose another name", name))
		case name != "" && !take(e, name):
			return e.fault(fmt.Errorf("name: another sink has the name %s", name))
		}
	}
	for _, e := range all {
		for _, before := range running {
			if before.url == e.url {
				take(e, before.name)
			}
		}
	}
	for _, e := range all {
		base := strings.ReplaceAll(e.scheme.name, "+", "-")
		take(e, base)
		for n := 2; e.name == ""; n++ {
			take(e, fmt.Sprintf("%s-%d", base, n))
		}
	}
	return nil
}

// printEndpoints prints all sinks and their names as comments.
func printEndpoints(w io.Writer, all []*endpoint) error {
	for _, e := range all {
		if _, err := fmt.Fprintf(w, "# the sink %s is %s\n", e.name, e.address()); err != nil {
			return err
		}
	}
	return nil
}
