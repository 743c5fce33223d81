package rules

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// The syntax of a glob, a name and a label is the same as in statsd_exporter.
const (
	firstComponent = `[a-zA-Z_][a-zA-Z0-9_\-]*`
	component      = `[a-zA-Z0-9_][a-zA-Z0-9_\-]*`
	anyReference   = `\$\{?\d+\}?`
)

var (
	globSyntax  = regexp.MustCompile(`^(\*|` + firstComponent + `)(\.(\*|` + component + `))*$`)
	nameSyntax  = regexp.MustCompile(`^([a-zA-Z_]|` + anyReference + `)([a-zA-Z0-9_]|` + anyReference + `)*$`)
	labelSyntax = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
	// In rules for intake, names may contain dots and dashes.
	intakeNameSyntax = regexp.MustCompile(`^([a-zA-Z0-9_.\-]|` + anyReference + `)+$`)
	// With match_type glob+, a component may contain text and one wildcard.
	partlyGlobSyntax = regexp.MustCompile(`^[a-zA-Z0-9_\-]*\*?[a-zA-Z0-9_\-]*(\.[a-zA-Z0-9_\-]*\*?[a-zA-Z0-9_\-]*)*$`)
)

// readRule checks a rule of the file, and adds its match to the sets.
func (l *loader) readRule(r *fileRule, rule *Rule) (err error) {
	rule.Match, rule.Help, rule.HonorLabels = r.Match, r.HelpText, r.HonorLabels
	if err := l.checkID(r); err != nil {
		return err
	}
	if rule.Action, err = l.action(r.Action); err != nil {
		return err
	}
	rule.kinds = allKinds
	if r.MatchMetricType != nil {
		kinds, known := kindNames[*r.MatchMetricType]
		if !known {
			return fmt.Errorf("match_metric_type: must be counter, gauge, observer or set, not %q", *r.MatchMetricType)
		}
		rule.kinds = kinds
	}
	if err := l.checkName(r, rule.Action); err != nil {
		return err
	}
	if err := l.checkLabels(r); err != nil {
		return err
	}
	if l.purpose == Intake {
		err = readIntake(r, rule)
	} else {
		err = l.readOptions(r, rule)
	}
	if err != nil {
		return err
	}
	switch rule.TTL = time.Duration(r.TTL); {
	case r.TTL < 0:
		return fmt.Errorf("ttl: must be 0 (never) or more, not %v", rule.TTL)
	case r.TTL == 0:
		rule.TTL = l.set.Defaults.TTL
	case r.TTL.short():
		if err := l.shortTTL(rule, rule.TTL); err != nil {
			return err
		}
	}
	return l.readMatch(r, rule)
}

// shortTTL handles a ttl whose unit is probably missing. In a mapping, it logs a warning, because
// statsd_exporter accepts such a ttl with the same meaning. In rules for intake, it returns an
// error.
func (l *loader) shortTTL(rule *Rule, ttl time.Duration) error {
	if l.purpose == Intake {
		return fmt.Errorf("ttl: %v is too short: give a duration with a unit, such as 5m", ttl)
	}
	l.warn(rule, "ttl: %v is very short: a number without a unit counts nanoseconds; 5m is five minutes", ttl)
	return nil
}

var idSyntax = regexp.MustCompile(`^[a-zA-Z0-9_.\-]{1,64}$`)

func (l *loader) checkID(r *fileRule) error {
	switch {
	case r.ID == "":
		return nil
	case !idSyntax.MatchString(r.ID):
		return fmt.Errorf("id: must be at most 64 characters of A-Z a-z 0-9 _ . -, not %q", r.ID)
	case l.ids[r.ID]:
		return fmt.Errorf("id: another rule has the id %s", r.ID)
	}
	l.ids[r.ID] = true
	return nil
}

func (l *loader) action(text string) (Action, error) {
	words := actionNames[:]
	if l.purpose == Mapping {
		words = words[:2]
	}
	text, err := word("action", text, words)
	return Action(max(0, slices.Index(words, text))), err
}

// checkName checks the template of the name. As in statsd_exporter, a mapping rule needs a name
// even if its action is drop.
func (l *loader) checkName(r *fileRule, action Action) error {
	syntax, want := nameSyntax, "letters, digits, _ and references such as $1"
	if l.purpose == Intake {
		if action != Map {
			if r.Name != "" {
				return errors.New("name: only a rule with action map may have a name")
			}
			return nil
		}
		syntax, want = intakeNameSyntax, "letters, digits, _ - . and references such as $1"
	}
	if r.Name == "" {
		return errors.New("name: is missing")
	}
	if len(r.Name) > maxMatch || !syntax.MatchString(r.Name) {
		return fmt.Errorf("name: must consist of %s, not %.100q", want, r.Name)
	}
	return nil
}

func (l *loader) checkLabels(r *fileRule) error {
	if len(r.Labels) > maxLabels {
		return fmt.Errorf("labels: may have at most %d, not %d", maxLabels, len(r.Labels))
	}
	for name, value := range r.Labels {
		switch {
		case l.purpose == Mapping && len(name) < 2, !labelSyntax.MatchString(name), len(name) > maxMatch:
			return fmt.Errorf("labels: a name must have at least two characters, and only letters, digits and _, not %.100q", name)
		case strings.HasPrefix(name, "__"):
			return fmt.Errorf("labels: %.100s: names that begin with __ are reserved for Prometheus", name)
		case l.purpose == Mapping && (name == "le" || name == "quantile"):
			return fmt.Errorf("labels: %s: is reserved for histograms and summaries", name)
		case !utf8.ValidString(value) || len(value) > maxMatch:
			return fmt.Errorf("labels: %s: must be at most %d bytes of valid UTF-8", name, maxMatch)
		}
	}
	return nil
}

// modes are the possible values of mode: the rule is applied, or it only counts the samples that it
// matches.
var modes = []string{"apply", "count"}

// readIntake reads the keys that only rules for intake have. It returns an error if the rule has a
// key that only mappings have.
func readIntake(r *fileRule, rule *Rule) error {
	err := onlyMapping(r.ObserverType != "", "observer_type", r.Summary != nil, "summary_options", r.Histogram != nil, "histogram_options",
		r.Scale != nil, "scale", r.HelpText != "", "help")
	if err != nil {
		return err
	}
	mode, err := word("mode", r.Mode, modes)
	if err != nil {
		return err
	}
	rule.Count = mode == modes[1]
	if r.Action == actionNames[Drop] && (r.Sign != "" || r.TTL != 0 || len(r.Labels) > 0) {
		return errors.New("ttl, gauge_sign, labels: have no effect in a rule with action drop")
	}
	if r.Action == actionNames[Keep] && len(r.Labels) > 0 {
		return errors.New("labels: a rule with action keep may not have labels; use action map with the name $0, which keeps the name")
	}
	sign, err := word("gauge_sign", r.Sign, []string{"", "absolute", "delta"})
	rule.Sign = map[string]Sign{"absolute": Absolute, "delta": Delta}[sign]
	return err
}
