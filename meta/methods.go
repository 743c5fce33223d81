package meta

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/statsd-ops/statsd/internal/xmlrpc"
)

// methods returns the older XML-RPC methods, for which there is no Question. The format of their results must never
// change, because other programs parse them.
func (m *Monitor) methods() []xmlrpc.Method {
	return []xmlrpc.Method{
		{
			Name:      "istats",
			Help:      "Returns the daemon's own metrics: a string with one JSON object of numbers. Durations are seconds, times are Unix seconds.",
			Signature: []string{"string"},
			Call:      m.istats,
		},
		{
			Name:      "stats",
			Help:      "Returns the same metrics as the method \"istats\", as a struct. Whole numbers that fit 32 bits are ints; all others are doubles.",
			Signature: []string{"struct"},
			Call:      m.stats,
		},
		{
			Name:      "values",
			Help:      "Returns an array of structs, sorted by path: path, last value and time (Unix seconds) of each recently published name.",
			Signature: []string{"array"},
			Call:      m.lastValues,
		},
		{
			Name:      "discards",
			Help:      "Returns a struct of four members. reasons: the number of discarded samples for each reason. lines: the last bad lines, newest first, with time (Unix seconds), sender, reason, and the first 256 bytes, quoted. refused: the prefixes of names with the most samples that a limit refused, each with limit, prefix, and the minimum and maximum number of refused samples (least, most). collisions: the paths that several names share.",
			Signature: []string{"struct"},
			Call:      m.discards,
		},
	}
}

func (m *Monitor) istats(context.Context, []xmlrpc.Value) (xmlrpc.Value, error) {
	figures := m.source.Figures()
	object := make(map[string]json.Number, len(figures))
	for _, f := range figures {
		object[f.Name] = json.Number(decimal(f.Value))
	}
	text, err := json.Marshal(object)
	return xmlrpc.String(text), err
}

// decimal formats f as the shortest decimal number without an exponent that is parsed as f again.
func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func (m *Monitor) stats(context.Context, []xmlrpc.Value) (xmlrpc.Value, error) {
	return figureStruct(m.source.Figures()), nil
}

func figureStruct(figures []Figure) xmlrpc.Struct {
	slices.SortFunc(figures, func(a, b Figure) int { return cmp.Compare(a.Name, b.Name) })
	members := make(xmlrpc.Struct, len(figures))
	for i, f := range figures {
		members[i] = xmlrpc.Member{Name: f.Name, Value: number(f.Value)}
	}
	return members
}

func number(f float64) xmlrpc.Value {
	if f == math.Trunc(f) && math.Abs(f) <= math.MaxInt32 {
		return xmlrpc.Int(f)
	}
	return xmlrpc.Double(f)
}

func (m *Monitor) lastValues(context.Context, []xmlrpc.Value) (xmlrpc.Value, error) {
	values := m.values.Last()
	return xmlrpc.Stream(func(yield func(xmlrpc.Value) bool) {
		for _, v := range values {
			if !yield(xmlrpc.Struct{
				{Name: "path", Value: xmlrpc.String(v.Path)},
				{Name: "value", Value: xmlrpc.Double(v.Value)},
				{Name: "time", Value: xmlrpc.Int(v.Time)},
			}) {
				return
			}
		}
	}), nil
}

func (m *Monitor) discards(context.Context, []xmlrpc.Value) (xmlrpc.Value, error) {
	d := m.source.Discards()
	lines := make(xmlrpc.Array, len(d.Lines))
	for i, l := range d.Lines {
		lines[i] = xmlrpc.Struct{
			{Name: "time", Value: xmlrpc.Double(unixSeconds(l.Time))},
			{Name: "sender", Value: xmlrpc.String(l.sender())},
			{Name: "reason", Value: xmlrpc.String(l.Reason)},
			{Name: "line", Value: xmlrpc.String(Quote(l.Line))},
		}
	}
	refused := make(xmlrpc.Array, len(d.Refused))
	for i, r := range d.Refused {
		refused[i] = xmlrpc.Struct{
			{Name: "limit", Value: xmlrpc.String(r.Limit)},
			{Name: "prefix", Value: xmlrpc.String(r.Prefix)},
			{Name: "least", Value: number(float64(r.Min))},
			{Name: "most", Value: number(float64(r.Max))},
		}
	}
	collisions := make(xmlrpc.Array, len(d.Collisions))
	for i, path := range d.Collisions {
		collisions[i] = xmlrpc.String(path)
	}
	return xmlrpc.Struct{
		{Name: "reasons", Value: figureStruct(d.Reasons)},
		{Name: "lines", Value: lines},
		{Name: "refused", Value: refused},
		{Name: "collisions", Value: collisions},
	}, nil
}

// unixSeconds returns t in seconds, rounded to milliseconds.
func unixSeconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// sender returns the sender of the line as text, or "unknown".
func (l BadLine) sender() string {
	if !l.Sender.Known() {
		return "unknown"
	}
	return l.Sender.String()
}
