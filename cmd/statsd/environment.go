package main

import (
	"regexp"
	"slices"
	"strings"
)

const variablePrefix = "STATSD_DAEMON_"

// notOurs are variables that Kubernetes and Docker set for a service named statsd-daemon.
var notOurs = regexp.MustCompile(`^STATSD_DAEMON_(SERVICE_.*|PORT_\d+_.*|ENV_.*)$`)

// misspelt says which variables of an environment look like settings, and are none.
func (all settings) misspelt(environ []string) (warnings []string) {
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		known := slices.ContainsFunc(all, func(s *setting) bool { return s.variable() == name })
		if !strings.HasPrefix(name, variablePrefix) || known || notOurs.MatchString(name) {
			continue
		}
		text := name + " is ignored: there is no such setting"
		if near := all.nearest(settingOf(name)); near != nil {
			text += "; did you mean " + near.variable() + "?"
		}
		warnings = append(warnings, text)
	}
	slices.Sort(warnings)
	return warnings
}

// settingOf returns the name of the setting that a variable would be of.
func settingOf(variable string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(variable, variablePrefix), "_", "-"))
}

// nearest returns the setting whose name is most like name, nil if none is much like it.
func (all settings) nearest(name string) (nearest *setting) {
	least := 1 + len(name)/3
	for _, s := range all {
		if d := distance(s.name, name); d < least {
			nearest, least = s, d
		}
	}
	return nearest
}

// distance is how many bytes must be inserted, deleted or replaced to make one text of the
// other (V. Levenshtein, 1965).
func distance(a, b string) int {
	row := make([]int, len(b)+1) // distances of the part of a read so far to each beginning of b
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
