package corpus

import (
	"math"
	"regexp"
	"slices"
	"strings"
)

// difference is one way in which Etsy's statsd interprets lines differently from this daemon.
// docs/migrating.md lists the differences under the same names.
type difference struct {
	name    string
	applies func(l *taken, theirs, ours outcome) bool
}

// taken is a line that is split into parts as in Etsy's statsd.
type taken struct {
	line  string
	name  string
	parts [][]string // the fields of each value: value, type, rate and so on
	tags  string     // text after the first |#
	bits  int        // number of parts between |# separators
}

func takeApart(line string) *taken {
	bits := strings.Split(line, "|#")
	values := strings.Split(bits[0], ":")
	l := &taken{line: line, name: values[0], bits: len(bits)}
	if len(bits) > 1 {
		l.tags = bits[1]
	}
	for _, v := range values[1:] {
		l.parts = append(l.parts, strings.Split(v, "|"))
	}
	return l
}

// any reports whether ok returns true for at least one of the values.
func (l *taken) any(ok func(i int, fields []string) bool) bool {
	for i, fields := range l.parts {
		if ok(i, fields) {
			return true
		}
	}
	return false
}

// withType is like the method any, but considers only values that have a type.
func (l *taken) withType(ok func(value, kind string) bool) bool {
	return l.any(func(_ int, fields []string) bool { return len(fields) > 1 && ok(fields[0], fields[1]) })
}

var plainRate = regexp.MustCompile(`^@[0-9.]+[ \t\r\v\f\x{a0}\x{feff}\x{2003}]*$`)

var lettersAlone = regexp.MustCompile(`^([A-Za-z]+|T.*)$`)

// zeroRate matches texts that Etsy's statsd reads as a rate of 0.
var zeroRate = regexp.MustCompile(`^@[0.]+([^0-9.]|$)`)

var notInNames = regexp.MustCompile(`[^A-Za-z0-9_.-]`)

// objectNames are properties that every JavaScript object has.
var objectNames = []string{"__proto__", "constructor", "toString"}

var differences = []difference{
	{"lines with only white space", func(l *taken, _, _ outcome) bool { return trimmed(l.line) == "" }},
	{"events and service checks", func(l *taken, _, _ outcome) bool {
		return strings.HasPrefix(l.line, "_e{") || strings.HasPrefix(l.line, "_sc|")
	}},
	{"tags", func(l *taken, theirs, ours outcome) bool {
		return (strings.Contains(l.name, ";") || l.tags != "") && theirs.nameless().equal(ours.nameless())
	}},
	{"sections after tags", func(l *taken, _, _ outcome) bool { return l.bits > 2 || strings.Contains(l.tags, "|") }},
	{"|# in unusual places", func(l *taken, _, _ outcome) bool {
		return l.bits > 1 && (len(l.parts) == 0 || len(l.parts[len(l.parts)-1]) == 1)
	}},
	{"ignored sections", func(l *taken, theirs, _ outcome) bool {
		return theirs.Bad > 0 && l.any(func(_ int, fields []string) bool { return len(fields) > 2 && !theirRate(fields[2]) })
	}},
	{"sections after a rate", func(l *taken, _, _ outcome) bool {
		return l.any(func(i int, fields []string) bool {
			return len(fields) > 3 && i < len(l.parts)-1 && slices.ContainsFunc(fields[3:], lettersAlone.MatchString)
		})
	}},
	{"colons in values", func(l *taken, theirs, _ outcome) bool {
		return theirs.Bad > 0 && l.any(func(i int, fields []string) bool { return len(fields) == 1 && i < len(l.parts)-1 })
	}},
	{"histograms and distributions", func(l *taken, _, _ outcome) bool {
		return l.withType(func(_, kind string) bool { return trimmed(kind) == "h" || trimmed(kind) == "d" })
	}},
	{"timers below zero", func(l *taken, theirs, _ outcome) bool {
		return theirs.Bad > 0 && l.withType(func(value, kind string) bool {
			v, ok := scriptNumber(value)
			return kind == "ms" && ok && v < 0
		})
	}},
	{"sets with white space around the type", func(l *taken, theirs, _ outcome) bool {
		return theirs.Bad > 0 && l.withType(func(_, kind string) bool { return kind != "s" && trimmed(kind) == "s" })
	}},
	{"other rates", func(l *taken, _, _ outcome) bool {
		return l.any(func(_ int, fields []string) bool {
			return len(fields) > 2 && theirRate(fields[2]) && !plainRate.MatchString(fields[2])
		})
	}},
	{"infinite values", func(l *taken, theirs, _ outcome) bool {
		return l.any(func(_ int, fields []string) bool {
			v, ok := scriptNumber(fields[0])
			return ok && math.IsInf(v, 0) || len(fields) > 2 && zeroRate.MatchString(fields[2])
		}) || strings.Contains(theirs.values(), "Inf") || strings.Contains(theirs.values(), "NaN")
	}},
	{"empty names", func(_ *taken, theirs, _ outcome) bool {
		return slices.ContainsFunc(theirs.names(), func(name string) bool { return name == "" || name[0] == ';' })
	}},
	{"names of JavaScript properties", func(l *taken, _, _ outcome) bool {
		return slices.Contains(objectNames, notInNames.ReplaceAllString(l.name, ""))
	}},
}

// listed returns the first difference that explains two different outcomes, or nil if none explains
// them.
func listed(line string, theirs, ours outcome) *difference {
	l := takeApart(line)
	for i := range differences {
		if differences[i].applies(l, theirs, ours) {
			return &differences[i]
		}
	}
	return nil
}

// theirRate reports whether Etsy's statsd interprets a field as a rate.
func theirRate(field string) bool {
	text, ok := strings.CutPrefix(field, "@")
	if !ok || strings.HasPrefix(text, "-") {
		return false
	}
	v, ok := scriptNumber(text)
	return ok && !math.IsNaN(v)
}
