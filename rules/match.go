package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/statsd-ops/statsd/metric"
)

// readMatch compiles the match of a rule, and the templates of its name and labels.
func (l *loader) readMatch(r *fileRule, rule *Rule) error {
	match := r.MatchType
	if match == "" {
		match = l.file.Defaults.MatchType
	}
	if _, err := word("match_type", match, matchTypes); err != nil {
		return err
	}
	if len(r.Match) > maxMatch {
		return fmt.Errorf("match: may have at most %d bytes, not %d", maxMatch, len(r.Match))
	}
	if match == "regex" {
		return l.readRegex(r, rule)
	}
	rule.glob = true
	whole := match == "glob+"
	switch {
	case !whole && !globSyntax.MatchString(r.Match):
		return fmt.Errorf("match: must consist of components with dots between them, not %q: a component is \"*\", or letters, digits, _ and -; no component begins with -, and the first component does not begin with a digit", r.Match)
	case whole && (r.Match == "" || !partlyGlobSyntax.MatchString(r.Match)):
		return fmt.Errorf("match: must consist of components with dots between them, not %q: a component has letters, digits, _ and -, and at most one *", r.Match)
	}
	parts := components(r.Match)
	for kind := range metric.Kind(metric.Kinds) {
		if rule.kinds.has(kind) {
			for _, set := range l.setsOf(rule) {
				set.globs[kind].add(parts, rule.Number)
			}
		}
	}
	l.readTemplates(r, rule, func(text string) (template, []string) {
		return newTemplate(text, strings.Count(r.Match, "*"), whole || l.purpose == Intake)
	})
	return nil
}

// setsOf returns the sets of l.sets that contain a rule.
func (l *loader) setsOf(rule *Rule) []*Set {
	if rule.Count {
		return l.sets[:1]
	}
	return l.sets
}

func (l *loader) readRegex(r *fileRule, rule *Rule) (err error) {
	if rule.regex, err = regexp.Compile(r.Match); err != nil {
		return fmt.Errorf("match: %w", err)
	}
	for _, set := range l.setsOf(rule) {
		set.regexes = append(set.regexes, rule.Number)
	}
	if len(l.set.regexes) > MaxRegexes {
		return fmt.Errorf("match_type: a file may have at most %d regular expressions", MaxRegexes)
	}
	l.readTemplates(r, rule, func(text string) (template, []string) {
		return template{text: text}, missingIn(text, rule.regex)
	})
	return nil
}

// readTemplates parses the templates of a rule, and warns about references to captures that do not
// exist.
func (l *loader) readTemplates(r *fileRule, rule *Rule, read func(string) (template, []string)) {
	one := func(where, text string) (t template) {
		t, missing := read(text)
		for _, ref := range missing {
			l.warn(rule, "%s: %s %s", where, ref, adviceFor(ref))
		}
		return t
	}
	rule.name = one("name", r.Name)
	for name := range r.Labels {
		rule.labels = append(rule.labels, labelTemplate{name: name})
	}
	slices.SortFunc(rule.labels, func(a, b labelTemplate) int { return strings.Compare(a.name, b.name) })
	for i := range rule.labels {
		rule.labels[i].value = one("label "+rule.labels[i].name, r.Labels[rule.labels[i].name])
	}
}
