// Package naming decides under which name a sample is stored. It makes tags a part of the name, cleans the
// name, and applies the rules of the rules file.
//
//	c := naming.Config{Tags: metric.GraphiteTags}
//	r := naming.NewResolver(c, c.Tagger(), set)
//	var to aggregate.Resolved
//	r.Resolve(metric.Counter, []byte("web hits:env:prod"), &to)
//	// to.Name is web_hits;env=prod, unless a rule renames web_hits.
//
// Rules match the clean name without its tags.
package naming

import (
	"fmt"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/rules"
	"github.com/statsd-ops/statsd/wire"
)

// Config says how to read names.
type Config struct {
	Dialect metric.Dialect
	Tags    metric.Tags
	Styles  metric.TagStyles
	AsSent  bool          // whether names are stored without cleaning
	Flush   time.Duration // flush interval
}

// Tagger returns a Tagger, or nil if the settings need no conversion of tags.
func (c *Config) Tagger() *wire.Tagger { return wire.NewTagger(c.Tags, c.Styles, c.Dialect) }

// Form returns the form in which names are stored, for names whose tags are already clean.
func (c *Config) Form() metric.NameForm {
	return metric.NameForm{Dialect: c.Dialect, Tagged: c.Tags.Series(), AsSent: c.AsSent}
}

// Check returns an error if the rules in set do not work with these settings.
func (c *Config) Check(set *rules.Set) error {
	if set == nil {
		return nil
	}
	for i := range set.Len() {
		if rule := set.Rule(i); rule.Labels() && !c.Tags.Series() {
			return fmt.Errorf("line %d, rule %s: the labels become tags, which need --tags=graphite or --tags=labels", rule.Line, rule.ID)
		}
	}
	if n := len(c.ttls(set)); n > aggregate.MaxTTLs {
		return fmt.Errorf("the rules have %d different values of ttl, each rounded up to whole flush intervals; at most %d are possible", n, aggregate.MaxTTLs)
	}
	return nil
}

// Rules converts set to rules for a table, with one Resolver for each Tagger. The parameter before is the set that
// these rules replace. Both sets may be nil.
func (c *Config) Rules(taggers []*wire.Tagger, set, before *rules.Set) *aggregate.Rules {
	all := &aggregate.Rules{}
	if set != nil {
		all.TTLs, all.Count = c.ttls(set), set.Len()
	}
	for _, tagger := range taggers {
		all.Resolvers = append(all.Resolvers, NewResolver(*c, tagger, set))
	}
	if before != nil {
		all.Heirs = c.heirs(set, before, all.TTLs)
	}
	return all
}

// heirs returns an Heir for each rule of the old set, which is the parameter before. The Heir is the new rule that
// continues the old rule. If there is none, the Heir is zero.
func (c *Config) heirs(set, before *rules.Set, ttls []uint32) []aggregate.Heir {
	heirs := make([]aggregate.Heir, before.Len())
	if set == nil {
		return heirs
	}
	first := map[string][]int{} // for each match, the indexes of the new rules with this match
	for i := range set.Len() {
		match := set.Rule(i).Match
		first[match] = append(first[match], i)
	}
	for i := range heirs {
		old := before.Rule(i)
		for _, number := range first[old.Match] {
			if rule := set.Rule(number); rule.Renames(old) {
				heirs[i] = aggregate.Heir{Rule: uint16(number + 1), Class: c.class(rule.TTL, ttls)}
				break
			}
		}
	}
	return heirs
}

// ttls returns the distinct ttls of the rules, as numbers of flushes.
func (c *Config) ttls(set *rules.Set) (ttls []uint32) {
	add := func(ttl time.Duration) {
		if n := c.flushes(ttl); n > 0 && !slices.Contains(ttls, n) {
			ttls = append(ttls, n)
		}
	}
	add(set.Defaults.TTL)
	for i := range set.Len() {
		add(set.Rule(i).TTL)
	}
	return ttls
}

// maxFlushes is the greatest ttl, as a number of flushes.
const maxFlushes = 1 << 30

// flushes converts a ttl to a number of flushes. 0 means no ttl.
func (c *Config) flushes(ttl time.Duration) uint32 {
	if ttl <= 0 {
		return 0
	}
	interval := max(c.Flush, 1)
	return uint32(min((ttl-1)/interval+1, maxFlushes))
}

// class returns the class of a ttl (see aggregate.Effects).
func (c *Config) class(ttl time.Duration, ttls []uint32) uint8 {
	return uint8(slices.Index(ttls, c.flushes(ttl)) + 1)
}
