package naming

import (
	"bytes"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/rules"
	"github.com/statsd-ops/statsd/wire"
)

// Resolver is an aggregate.Resolver. Only one goroutine at a time may use it. The Tagger keeps the
// names in memory until the caller calls Tagger.Forget.
type Resolver struct {
	config  Config
	tagger  *wire.Tagger // nil if tags need no conversion
	set     *rules.Set   // nil if there are no rules
	classes []uint8      // class of each rule's ttl; the last element is the class for names that match no rule

	result rules.Result
	tags   []byte
	labels [][]byte
}

// NewResolver returns a Resolver. tagger and set may be nil.
func NewResolver(config Config, tagger *wire.Tagger, set *rules.Set) *Resolver {
	r := &Resolver{config: config, tagger: tagger, set: set}
	if set != nil {
		ttls := config.ttls(set)
		for i := range set.Len() {
			r.classes = append(r.classes, config.class(set.Rule(i).TTL, ttls))
		}
		r.classes = append(r.classes, config.class(set.Defaults.TTL, ttls))
	}
	return r
}

// Resolve implements aggregate.Resolver.
func (r *Resolver) Resolve(kind metric.Kind, raw []byte, to *aggregate.Resolved) {
	series, sent := raw, 0
	if r.tagger != nil {
		if series, to.TagsDropped, to.Reason = r.tagger.Series(raw); to.Reason != metric.None {
			return
		}
		sent = r.tagger.Sent() // cleaning can make series shorter than the name as received; the length limit applies to both
	}
	to.Length = max(len(series), sent)
	if to.Name, to.Reason = r.config.Form().Append(to.Name[:0], series); to.Reason == metric.None {
		r.decide(kind, to)
	}
}

// Judge implements aggregate.Resolver.
func (r *Resolver) Judge(kind metric.Kind, clean []byte, to *aggregate.Resolved) {
	to.Name, to.Length = append(to.Name[:0], clean...), len(clean)
	r.decide(kind, to)
}

// decide applies the rules to the clean name to.Name.
func (r *Resolver) decide(kind metric.Kind, to *aggregate.Resolved) {
	if r.set == nil {
		return
	}
	name, tags := to.Name, []byte(nil)
	if r.config.Tags.Series() {
		name, tags = metric.CutTags(name)
	}
	if counting := r.set.Try(kind, name, &r.result); counting != nil {
		to.Rules[1] = uint16(counting.Number + 1)
	}
	rule := r.result.Rule
	if rule == nil {
		to.Class = r.classes[r.set.Len()]
		if r.set.DropUnmatched {
			to.Reason = metric.DroppedByRule
		}
		return
	}
	to.Rules[0] = uint16(rule.Number + 1)
	to.Class, to.Sign = r.classes[rule.Number], signs[rule.Sign]
	switch rule.Action {
	case rules.Drop:
		to.Reason = metric.DroppedByRule
	case rules.Map:
		r.rename(name, tags, to)
	}
}

var signs = [...]aggregate.Sign{rules.AnySign: aggregate.AnySign, rules.Absolute: aggregate.Absolute, rules.Delta: aggregate.Delta}

// rename stores the name and the labels of r.result in to. A rule that makes an empty name drops the sample.
func (r *Resolver) rename(name, tags []byte, to *aggregate.Resolved) {
	result := &r.result
	if !bytes.Equal(result.Name, name) || len(result.Labels) > 0 {
		to.Renamed = to.Rules[0]
	}
	r.tags = append(r.tags[:0], tags...) // copy the tags, because they are a part of to.Name, which the next line overwrites
	if to.Name, to.Reason = r.config.Form().Append(to.Name[:0], result.Name); to.Reason != metric.None {
		to.Reason = metric.DroppedByRule
		return
	}
	to.Name = append(to.Name, r.tags...)
	if len(result.Labels) == 0 {
		return
	}
	r.labels = r.labels[:0]
	for i := range result.Labels {
		l := &result.Labels[i]
		r.labels = append(r.labels, append(append([]byte(l.Name), '='), l.Value...))
	}
	to.Name = append(to.Name[:0], r.tagger.With(to.Name, r.labels, result.Rule.HonorLabels)...)
}
