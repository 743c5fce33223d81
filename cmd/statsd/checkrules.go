package main

import (
	"context"
	"fmt"
	"io"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/intake/naming"
	"github.com/statsd-ops/statsd/internal/safefile"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/rules"
	"github.com/statsd-ops/statsd/sink/prometheus"
)

// checkMapping implements --check-mapping. It prints the results of a mapping for given names.
func (all settings) checkMapping(ctx context.Context, path string, stdout, stderr io.Writer) error {
	set, err := loadToCheck("--check-mapping", path, rules.Mapping, stderr)
	if err != nil {
		return err
	}
	styles := all.tagStyles()
	if !all.given("tag-styles") {
		styles = allStyles()
	}
	c := all.newNamesCheck(set, metric.LabelTags, styles, stdout)
	mapper := prometheus.NewMapper(set, true, nil)
	c.decide = func(kind metric.Kind, name []byte) decision {
		t := mapper.Map(kind, name)
		d := decision{rule: t.Rule, dropped: t.Dropped}
		switch {
		case t.Dropped:
			d.result = "dropped"
		case t.Unfit:
			d.result = "not shown: the name of the family is empty or too long"
		default:
			d.result = t.Kind.String() + " " + string(t.Family)
			if len(t.Labels) > 0 {
				d.result += "{" + string(t.Labels) + "}"
			}
		}
		return d
	}
	return c.run(ctx, path)
}

// checkRules implements --check-rules. It prints the results of a file of rules for given names.
func (all settings) checkRules(ctx context.Context, path string, stdout, stderr io.Writer) error {
	set, err := loadToCheck("--check-rules", path, rules.Intake, stderr)
	if err != nil {
		return err
	}
	listen := all.listen()
	names := listen.Naming(all.duration("flush-interval"))
	if err := names.Check(set); err != nil {
		return fmt.Errorf("--check-rules %s: %w", path, err)
	}
	c := all.newNamesCheck(set, names.Tags, names.Styles, stdout)
	resolver := naming.NewResolver(names, names.Tagger(), set)
	var to aggregate.Resolved
	c.decide = func(kind metric.Kind, name []byte) decision {
		to = aggregate.Resolved{Name: to.Name[:0]}
		resolver.Judge(kind, name, &to)
		d := decision{rule: ruleOf(set, to.Rules[0]), counts: ruleOf(set, to.Rules[1]), dropped: to.Reason != metric.None}
		switch {
		case d.dropped:
			d.result = "dropped"
		case string(to.Name) == string(name):
			d.result = "kept"
		default:
			d.result = "becomes " + string(to.Name)
		}
		return d
	}
	return c.run(ctx, path)
}

// ruleOf returns the rule with this number (the first is 1), or nil if number is 0.
func ruleOf(set *rules.Set, number uint16) *rules.Rule {
	if number == 0 {
		return nil
	}
	return set.Rule(int(number) - 1)
}

// loadToCheck reads a file of rules, and prints hints about its rules.
func loadToCheck(flag, path string, purpose rules.Purpose, stderr io.Writer) (*rules.Set, error) {
	text, err := safefile.ReadFile(path, rules.MaxFile)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	set, err := rules.Load(text, purpose)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", flag, path, err)
	}
	for _, w := range set.Warnings() {
		fmt.Fprintf(stderr, "statsd: %s: %s\n", path, w)
	}
	return set, nil
}
