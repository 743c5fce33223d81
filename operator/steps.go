package operator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/internal/glob"
	"github.com/statsd-ops/statsd/internal/plural"
	"github.com/statsd-ops/statsd/meta/question"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/wire"
)

// parsed adds the step about how an item of a line is parsed.
func (e *explanation) parsed(text string, v *verdict) {
	switch {
	case v.item == wire.Event:
		e.step("parsed", "an event or a service check of DogStatsD: counted as metrics.events, not published")
	case v.reason != metric.None:
		s := e.bad("parsed", v.reason, fmt.Sprintf("%s  %s at byte %d: %s", shown(text), v.reason, v.at+1, e.because(text, v)))
		s.At = v.at
	default:
		words := []string{shown(string(v.sample.Name)), valueWords(&v.sample), "kind " + v.sample.Kind.String()}
		if v.sample.Kind == metric.Timer && !v.sample.Millis {
			words[2] += " (not in ms)"
		}
		if v.sample.Weight != 1 {
			words = append(words, "rate "+number(1/v.sample.Weight))
		}
		if v.sample.TagsDropped {
			words = append(words, "tags dropped")
		}
		if v.timed {
			words = append(words, "timestamp ignored")
		}
		e.step("parsed", strings.Join(words, "  "))
	}
}

// valueWords describes the value of a sample in words.
func valueWords(s *metric.Sample) string {
	switch {
	case s.Kind == metric.Set:
		return "member " + shown(string(s.Member))
	case s.Delta:
		return fmt.Sprintf("adjusts by %+g", s.Value)
	}
	return "value " + number(s.Value)
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// because describes why an item is bad.
func (e *explanation) because(text string, v *verdict) string {
	part := text[min(v.at, len(text)):]
	if i := strings.IndexAny(part, "|:\n"); i >= 0 && v.reason != metric.TooLong {
		part = part[:i]
	}
	part = shown(part)
	switch v.reason {
	case metric.EmptyName:
		return "nothing of the name is left after cleaning"
	case metric.NoValue:
		if !strings.Contains(text, ":") {
			return "no colon: a line is NAME:VALUE|TYPE"
		}
		return "the value is empty"
	case metric.BadValue:
		return part + " is not a finite decimal number"
	case metric.BadType:
		if part == "" {
			return "no type: give c, g, ms, h, d, s or m after a bar"
		}
		return part + " is not a type: a type is c, g, ms, h, d, s or m"
	case metric.BadRate:
		return part + " is not a rate: a rate is a number above 0, at most 1"
	case metric.TooLong:
		return fmt.Sprintf("the name has more than --max-name-length=%d bytes, or more than %d tags", e.Limits.MaxNameLength, wire.MaxTags)
	}
	return v.reason.String()
}

// cleaned adds the step about the name under which the samples are kept.
func (e *explanation) cleaned(s *subject) {
	words := []string{shown(s.clean)}
	if s.sent == s.clean {
		words = append(words, "as sent")
	}
	if s.series != s.sent {
		words = append(words, "tags are a part of the name (--tags)")
	}
	if s.clean != s.series {
		words = append(words, e.cleaning(s.series))
	}
	e.step("name", strings.Join(words, "  "))
}

// cleaning describes which characters of the name are replaced or deleted.
func (e *explanation) cleaning(series string) string {
	if e.Limits.Tagged { // intake has already cleaned names with tags
		series, _, _ = strings.Cut(series, ";")
	}
	var rules []string
	for _, c := range e.changes(series) {
		from, to := shown(c.from), " -> "+c.to
		if c.from == " " {
			from = "space"
		}
		if c.to == "" {
			to = " deleted"
		}
		rules = append(rules, from+to)
	}
	return fmt.Sprintf("%s  (--dialect %s)", strings.Join(rules, ", "), e.Listen.Dialect)
}

// rules adds the step about mutes and limits, which can cause the name to be refused.
func (e *explanation) rules(s *subject) {
	words := []string{e.muted(s.name), fmt.Sprintf("the name has %d of at most %d bytes", len(s.series), e.Limits.MaxNameLength)}
	known := s.facts.held()
	if s.sample != nil {
		known = s.facts.kinds[s.sample.Kind].held
	}
	full := s.facts.names >= e.Limits.MaxNames
	names := fmt.Sprintf("%s of %s names are known", plural.Count(uint64(s.facts.names)), plural.Count(uint64(e.Limits.MaxNames)))
	switch {
	case known:
		words = append(words, "known already")
	case full:
		words = append(words, "not known, and "+names+": its samples are refused (--max-names)")
	default:
		words = append(words, "a new name; "+names)
	}
	if f := &s.facts.kinds[metric.Set]; f.held && int(f.now.Value) >= e.Limits.MaxSetMembers {
		words = append(words, fmt.Sprintf("the set has %s members: a receiver that has %s members refuses new members (--max-set-members)",
			rounded(question.Number(f.now.Value)), plural.Count(uint64(e.Limits.MaxSetMembers))))
	}
	words = append(words, e.losses(s)...)
	step := e.step("rules", strings.Join(words, "; "))
	switch {
	case words[0] != unmuted:
		step.OK, step.Reason = false, "muted"
	case !known && full:
		step.OK, step.Reason = false, metric.RefusedName.String()
	}
}

const unmuted = "no mute matches"

// muted describes the mute that matches a name.
func (e *explanation) muted(name string) string {
	if e.Mutes == nil {
		return unmuted
	}
	bare := name
	if e.Limits.Tagged {
		bare, _, _ = strings.Cut(name, ";")
	}
	for _, m := range e.Mutes() {
		if g, err := glob.Parse(m.Match); err == nil && (g.Match(name) || g.Match(bare)) {
			return fmt.Sprintf("muted by %s for another %s: samples are counted, but not kept", m.Match, plural.Duration(m.Until.Sub(e.now)))
		}
	}
	return unmuted
}

// losses describes recent losses of similar names: samples that a limit refused, and bad lines.
func (e *explanation) losses(s *subject) (words []string) {
	d := e.Daemon.Discards()
	for _, r := range d.Refused {
		if strings.HasPrefix(s.name, r.Prefix) {
			words = append(words, fmt.Sprintf("%s of %s %s refused (--%s)", between(r.Min, r.Max), r.Prefix, plural.Verb(r.Max, "was", "were"), r.Limit))
		}
	}
	begins, n, last := beginning(s.sent), 0, 0
	for i := range d.Lines {
		if strings.HasPrefix(string(d.Lines[i].Line), begins) {
			if n++; n == 1 {
				last = i
			}
		}
	}
	if n > 0 {
		l := &d.Lines[last]
		words = append(words, fmt.Sprintf("%d of the last %d bad lines begin with %s, the last %s ago: %s", n, len(d.Lines), shown(begins),
			plural.Duration(e.now.Sub(l.Time)), l.Reason))
	}
	return words
}

// beginning returns a name up to its first dot. If there is no dot, it returns the name and a
// colon.
func beginning(name string) string {
	if i := strings.IndexByte(name, '.'); i > 0 {
		return name[:i+1]
	}
	return name + ":"
}

// kind adds the step about the kind of the name, and about other names that have the same path.
func (e *explanation) kind(s *subject, kind metric.Kind) {
	text, ok := kind.String(), true
	var also []string
	for k := range s.facts.kinds {
		if metric.Kind(k) != kind && s.facts.kinds[k].held {
			also = append(also, "a "+metric.Kind(k).String())
		}
	}
	var clashes []string
	for _, c := range s.facts.clashes {
		if c.kind == kind {
			clashes = append(clashes, fmt.Sprintf("%s is also a path of the %s %s", c.path, c.other.Kind, c.other.Name))
			ok = false
		}
	}
	collisions := e.Daemon.Discards().Collisions
	for _, path := range e.Scheme.Paths(aggregate.Origin{Kind: kind, Name: s.name}, e.Limits.Tagged) {
		if i := slices.IndexFunc(collisions, func(c string) bool { return c == path || strings.HasPrefix(c, path+" (") }); ok && i >= 0 {
			clashes, ok = append(clashes, "another name was published with the path "+collisions[i]), false
		}
	}
	switch {
	case len(also) > 0 && ok:
		text += "; also known as " + strings.Join(also, " and ") + ": the paths differ, so there is no clash"
	case len(also) > 0:
		text += "; also known as " + strings.Join(also, " and ")
	}
	if !ok {
		text += "; clash: " + strings.Join(clashes, "; ") + "; Graphite keeps the value that comes last"
	}
	e.step("kind", text).OK = ok
}

// between formats a number of samples. Only the lower and the upper limit of the number are known.
func between(least, most uint64) string {
	if least == most {
		return plural.Things(most, "sample", "samples")
	}
	return plural.Count(least) + " to " + plural.Things(most, "sample", "samples")
}
