package main

import (
	"regexp"
	"slices"
	"strings"

	"github.com/statsd-ops/statsd/internal/cli"
)

const variablePrefix = "STATSD_DAEMON_"

// clientVariables are environment variables for client programs: see package client.
var clientVariables = []string{"STATSD_HOST", "STATSD_PORT", "STATSD_PREFIX"}

// Kubernetes and Docker set environment variables for each service. The names start with the service's name in
// capitals. For example, they set STATSD_DAEMON_PORT for a service called statsd-daemon, and STATSD_DAEMON_MONITOR_PORT
// for a service called statsd-daemon-monitor. The daemon uses variables with the same names for its own settings.
var (
	linkNames  = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?|ENV_\w+)$`)
	linkValues = map[string]*regexp.Regexp{
		"_PORT": regexp.MustCompile(`^(tcp|udp|sctp)://[^/]+:\d+$`),
		"_NAME": regexp.MustCompile(`^/[^/]+/[^/]+$`), // Docker sets this variable
	}
)

// isServiceLink reports whether Kubernetes or Docker has set a variable that has the name of a setting.
func isServiceLink(name, text string) bool {
	for end, value := range linkValues {
		if strings.HasSuffix(name, end) && value.MatchString(text) {
			return true
		}
	}
	return false
}

// environmentWarnings returns warnings about variables that look like settings but are ignored.
func (all settings) environmentWarnings(environ []string) (warnings []string) {
	var links []string
	for _, variable := range environ {
		name, text, _ := strings.Cut(variable, "=")
		known := slices.ContainsFunc(all, func(s *setting) bool { return s.variable() == name })
		switch {
		case known && isServiceLink(name, text):
			links = append(links, name)
		case known || linkNames.MatchString(name) || isServiceLink(name, text):
		case strings.HasPrefix(name, variablePrefix):
			warnings = append(warnings, all.unknown(name))
		case strings.HasPrefix(name, "STATSD_") && !slices.Contains(clientVariables, name):
			if s := all.get(settingOf("STATSD_", name)); s != nil && s.group != groupAbout {
				warnings = append(warnings, name+" is ignored: the variables of the daemon begin with STATSD_DAEMON_; did you mean "+s.variable()+"?")
			}
		}
	}
	slices.Sort(warnings)
	if len(links) > 0 {
		slices.Sort(links)
		warnings = append(warnings, strings.Join(links, ", ")+": ignored, because Kubernetes or Docker set this variable for a service of the same name (enableServiceLinks: false turns such variables off)")
	}
	return warnings
}

func (all settings) unknown(name string) string {
	text := name + " is ignored: there is no such setting"
	if near := all.nearest(settingOf(variablePrefix, name)); near != nil {
		text += "; did you mean " + near.variable() + "?"
	}
	return text
}

// settingOf returns the name of the setting for a variable.
func settingOf(prefix, variable string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(variable, prefix), "_", "-"))
}

// nearest returns the setting with the most similar name, or nil if no name is similar.
func (all settings) nearest(name string) *setting {
	var names []string
	for _, s := range all {
		names = append(names, s.name)
	}
	if near := cli.Nearest(name, names); near != "" {
		return all.get(near)
	}
	return nil
}
