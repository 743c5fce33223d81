package rules

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/statsd-ops/statsd/metric"
)

// What statsd_exporter takes for a glob, a name and a label.
const (
	firstComponent = `[a-zA-Z_][a-zA-Z0-9_\-]*`
	component      = `[a-zA-Z0-9_][a-zA-Z0-9_\-]*`
	anyReference   = `\$\{?\d+\}?`
)

var (
	globSyntax  = regexp.MustCompile(`^(\*|` + firstComponent + `)(\.(\*|` + component + `))*$`)
	nameSyntax  = regexp.MustCompile(`^([a-zA-Z_]|` + anyReference + `)([a-zA-Z0-9_]|` + anyReference + `)*$`)
	labelSyntax = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
	// At intake names have dots and dashes.
	intakeNameSyntax = regexp.MustCompile(`^([a-zA-Z0-9_.\-]|` + anyReference + `)+$`)
	// With match_type glob+ a component may have one wildcard beside text.
	partlyGlobSyntax = regexp.MustCompile(`^[a-zA-Z0-9_\-]*\*?[a-zA-Z0-9_\-]*(\.[a-zA-Z0-9_\-]*\*?[a-zA-Z0-9_\-]*)*$`)
)

// readRule checks a rule of the file, and adds its match to the set.
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
			return fmt.Errorf("match_metric_type: want counter, gauge, observer or set, not %q", *r.MatchMetricType)
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
		return fmt.Errorf("ttl: want 0 (never) or more, not %v", rule.TTL)
	case r.TTL == 0:
		rule.TTL = l.set.Defaults.TTL
	}
	return l.readMatch(r, rule)
}

var idSyntax = regexp.MustCompile(`^[a-zA-Z0-9_.\-]{1,64}$`)

func (l *loader) checkID(r *fileRule) error {
	switch {
	case r.ID == "":
		return nil
	case !idSyntax.MatchString(r.ID):
		return fmt.Errorf("id: want at most 64 of A-Z a-z 0-9 _ . -, not %q", r.ID)
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

// checkName checks the template of the name. Like statsd_exporter it wants one for a mapping that
// drops, too.
func (l *loader) checkName(r *fileRule, action Action) error {
	syntax, want := nameSyntax, "letters, digits, _ and references such as $1"
	if l.purpose == Intake {
		if action != Map {
			if r.Name != "" {
				return errors.New("name: only a rule that maps has one")
			}
			return nil
		}
		syntax, want = intakeNameSyntax, "letters, digits, _ - . and references such as $1"
	}
	if r.Name == "" {
		return errors.New("name: is missing")
	}
	if len(r.Name) > maxMatch || !syntax.MatchString(r.Name) {
		return fmt.Errorf("name: want %s, not %.100q", want, r.Name)
	}
	return nil
}

func (l *loader) checkLabels(r *fileRule) error {
	if len(r.Labels) > maxLabels {
		return fmt.Errorf("labels: want at most %d, not %d", maxLabels, len(r.Labels))
	}
	for name, value := range r.Labels {
		switch {
		case l.purpose == Mapping && len(name) < 2, !labelSyntax.MatchString(name), len(name) > maxMatch:
			return fmt.Errorf("labels: want two or more letters, digits and _, not %.100q", name)
		case strings.HasPrefix(name, "__"):
			return fmt.Errorf("labels: %.100s: names with __ belong to Prometheus", name)
		case l.purpose == Mapping && (name == "le" || name == "quantile"):
			return fmt.Errorf("labels: %s: belongs to histograms and summaries", name)
		case !utf8.ValidString(value) || len(value) > maxMatch:
			return fmt.Errorf("labels: %s: want at most %d bytes of valid UTF-8", name, maxMatch)
		}
	}
	return nil
}

// modes are the values of mode: a rule is applied, or only counts the samples that it matches.
var modes = []string{"apply", "count"}

// readIntake reads the keys that only rules at intake have, and refuses those of mappings.
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
		return errors.New("ttl, gauge_sign, labels: do nothing in a rule that drops")
	}
	if r.Action == actionNames[Keep] && len(r.Labels) > 0 {
		return errors.New("labels: only a rule that maps gives labels; its name can be $0")
	}
	sign, err := word("gauge_sign", r.Sign, []string{"", "absolute", "delta"})
	rule.Sign = map[string]Sign{"absolute": Absolute, "delta": Delta}[sign]
	return err
}

// readOptions reads how the series of a rule are kept and shown.
func (l *loader) readOptions(r *fileRule, rule *Rule) (err error) {
	if r.Mode != "" || r.Sign != "" {
		return errors.New("mode, gauge_sign: are for rules at intake only")
	}
	if !utf8.ValidString(r.HelpText) {
		return errors.New("help: is not valid UTF-8")
	}
	d, o := &l.set.Defaults, &rule.Options
	o.Scale = 1
	if r.Scale != nil {
		if o.Scale = *r.Scale; math.IsNaN(o.Scale) || math.IsInf(o.Scale, 0) {
			return fmt.Errorf("scale: want a finite number, not %v", o.Scale)
		}
	}
	o.Observer = d.Observer
	typed := r.ObserverType != "" || l.file.Defaults.ObserverType != ""
	if r.ObserverType != "" {
		if o.Observer, err = observer(r.ObserverType); err != nil {
			return err
		}
	}
	switch {
	case typed && o.Observer == Histogram && r.Summary != nil:
		return errors.New("summary_options: the observer_type is histogram")
	case typed && o.Observer == Summary && r.Histogram != nil:
		return errors.New("histogram_options: the observer_type is summary")
	}
	o.Quantiles, o.MaxAge, o.AgeBuckets, o.Bounds = d.Quantiles, d.MaxAge, d.AgeBuckets, d.Bounds
	o.NativeFactor, o.NativeMax = d.NativeFactor, d.NativeMax
	if r.Summary != nil {
		age, parts := d.MaxAge, d.AgeBuckets
		if !typed { // as in statsd_exporter
			age, parts = defaultMaxAge, defaultAgeBuckets
		}
		if o.Quantiles, err = r.Summary.quantiles(d.Quantiles); err != nil {
			return err
		}
		if o.MaxAge, o.AgeBuckets, err = r.Summary.window(age, parts); err != nil {
			return err
		}
	}
	if r.Histogram != nil {
		r.Histogram.native(o)
		o.Bounds, err = r.Histogram.bounds(d.Bounds)
	}
	return err
}

func (s *fileSummary) set() bool {
	return len(s.Quantiles) > 0 || s.MaxAge != 0 || s.AgeBuckets != 0 || s.BufCap != 0
}

func (h *fileHistogram) set() bool {
	return len(h.Buckets) > 0 || h.NativeFactor != 0 || h.NativeMax != 0
}

// quantiles returns the quantiles, each once.
func (s *fileSummary) quantiles(none []float64) (qs []float64, err error) {
	if len(s.Quantiles) == 0 {
		return none, nil
	}
	for _, q := range s.Quantiles {
		if !(q.Quantile >= 0 && q.Quantile <= 1) {
			return nil, fmt.Errorf("quantiles: want 0 to 1, not %v", q.Quantile)
		}
		if !slices.Contains(qs, q.Quantile) {
			qs = append(qs, q.Quantile)
		}
	}
	if len(qs) > maxQuantiles {
		return nil, fmt.Errorf("quantiles: want at most %d, not %d", maxQuantiles, len(qs))
	}
	slices.Sort(qs)
	return qs, nil
}

// window returns the window of the quantiles.
func (s *fileSummary) window(age time.Duration, parts int) (time.Duration, int, error) {
	switch {
	case s.MaxAge < 0:
		return 0, 0, fmt.Errorf("max_age: want more than 0, not %v", time.Duration(s.MaxAge))
	case s.AgeBuckets > maxAges:
		return 0, 0, fmt.Errorf("age_buckets: want at most %d, not %d", maxAges, s.AgeBuckets)
	}
	if s.MaxAge > 0 {
		age = time.Duration(s.MaxAge)
	}
	if s.AgeBuckets > 0 {
		parts = int(s.AgeBuckets)
	}
	return age, parts, nil
}

// The native buckets of statsd_exporter, where a file gives only one of the two keys.
const (
	defaultNativeFactor = 1.1
	defaultNativeMax    = 256
	maxNativeMax        = 4096
)

// native reads the keys of native buckets, if there are any.
func (h *fileHistogram) native(o *Options) {
	if h.NativeFactor != 0 {
		o.NativeFactor = h.NativeFactor
	}
	if h.NativeMax != 0 {
		o.NativeMax = int(min(h.NativeMax, maxNativeMax))
		if o.NativeFactor == 0 {
			o.NativeFactor = defaultNativeFactor
		}
	}
	if o.NativeMax == 0 {
		o.NativeMax = defaultNativeMax
	}
}

// bounds returns the upper bounds of the buckets, without the infinite one.
func (h *fileHistogram) bounds(none []float64) ([]float64, error) {
	bounds := h.Buckets
	if len(bounds) == 0 {
		return none, nil
	}
	if math.IsInf(bounds[len(bounds)-1], 1) {
		bounds = bounds[:len(bounds)-1]
	}
	if len(bounds) > maxBounds {
		return nil, fmt.Errorf("buckets: want at most %d, not %d", maxBounds, len(bounds))
	}
	for i, b := range bounds {
		if math.IsNaN(b) || math.IsInf(b, 0) || i > 0 && b <= bounds[i-1] {
			return nil, fmt.Errorf("buckets: want rising numbers, not %v", h.Buckets)
		}
	}
	return bounds, nil
}

// readMatch compiles the match of a rule and its templates.
func (l *loader) readMatch(r *fileRule, rule *Rule) error {
	match := r.MatchType
	if match == "" {
		match = l.file.Defaults.MatchType
	}
	if _, err := word("match_type", match, matchTypes); err != nil {
		return err
	}
	if len(r.Match) > maxMatch {
		return fmt.Errorf("match: want at most %d bytes, not %d", maxMatch, len(r.Match))
	}
	if match == "regex" {
		return l.readRegex(r, rule)
	}
	rule.glob = true
	whole := match == "glob+"
	switch {
	case !whole && !globSyntax.MatchString(r.Match):
		return fmt.Errorf("match: want components of letters, digits, _ and -, or *, with dots between, and no digit or - first, not %q", r.Match)
	case whole && (r.Match == "" || !partlyGlobSyntax.MatchString(r.Match)):
		return fmt.Errorf("match: want components of letters, digits, _ and -, each with at most one *, with dots between, not %q", r.Match)
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

// setsOf returns the sets that a rule belongs to.
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
		return fmt.Errorf("match_type: want at most %d regular expressions", MaxRegexes)
	}
	l.readTemplates(r, rule, func(text string) (template, []string) {
		return template{text: text}, missingIn(text, rule.regex)
	})
	return nil
}

// readTemplates reads the templates of a rule, and warns of references that do not exist.
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
