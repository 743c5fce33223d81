package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/cmd/statsdmonitor/ask"
	"github.com/statsd-ops/statsd/cmd/statsdmonitor/report"
	"github.com/statsd-ops/statsd/internal/ascii"
	"github.com/statsd-ops/statsd/internal/plural"
	"github.com/statsd-ops/statsd/meta/question"
)

// account is one account of the ledger. It balances if the number of incoming units equals the number of outgoing
// units.
type account struct {
	Name     string  `json:"name"`
	Unit     string  `json:"unit"`
	In       []entry `json:"in"`
	Out      []entry `json:"out"`
	Balances bool    `json:"balances"`
}

// entry is one line of an account. If an entry has parts, the counts of the parts add up to Count.
type entry struct {
	Name  string  `json:"name"`
	Count float64 `json:"count"`
	Parts []entry `json:"parts,omitempty"`
}

// book is the whole ledger at the time of a flush.
type book struct {
	Time          float64   `json:"time"` // in Unix seconds
	Accounts      []account `json:"accounts"`
	Datagrams     float64   `json:"datagrams_read"`
	KernelDropped float64   `json:"datagrams_dropped_by_the_kernel"`
}

// oldLedger prints the ledger of the daemon in the old form. It returns an error if the ledger does not balance.
func oldLedger(ctx context.Context, s *session) error {
	b, err := askBook(ctx, s.client)
	if err != nil {
		return err
	}
	if s.on("json") {
		err = ascii.WriteJSON(s.out, b)
	} else {
		_, err = io.WriteString(s.out, b.text(plainCount))
	}
	return cmp.Or(err, b.verdict())
}

// readLedger returns the ledger. As text, its numbers have thousands separators. As JSON, it is the unchanged
// answer of the daemon.
func readLedger(ctx context.Context, s *session) (result, error) {
	if s.on("json") {
		return readBalances(ctx, s)
	}
	b, err := askBook(ctx, s.client)
	if err != nil {
		return result{}, err
	}
	text := func(report.Page) string { return b.text(grouped) }
	return result{text: text, verdict: b.verdict()}, nil
}

func readBalances(ctx context.Context, s *session) (result, error) {
	none := func(report.Page, question.Answer, []question.Balance) string { return "" }
	r, balances, err := answered(ctx, s, ask.Question{Method: "ledger"}, none)
	for _, b := range balances {
		if err == nil && !b.Equal {
			r.verdict = unbalanced(b.What)
		}
	}
	return r, err
}

func unbalanced(what string) error {
	return &exit{exitUnbalanced, fmt.Errorf("the ledger does not balance: see %s", ascii.Safe(what))}
}

// askBook computes the ledger from the daemon's own metrics.
func askBook(ctx context.Context, client *ask.Client) (*book, error) {
	var text string
	if err := client.Call(ctx, ask.Call{Method: "istats", Limit: answerLimit}, &text); err != nil {
		return nil, err
	}
	var figures map[string]float64
	if err := json.Unmarshal([]byte(text), &figures); err != nil {
		return nil, fmt.Errorf("the answer of %s to the query istats is not a JSON object of numbers: %s", client.Address, ascii.Safe(err.Error()))
	}
	for _, needed := range []string{"ledger.time", "samples.received"} {
		if _, there := figures[needed]; !there {
			return nil, fmt.Errorf("the answer of %s to the query istats has no value %s, so this daemon has no ledger", client.Address, needed)
		}
	}
	return newBook(figures), nil
}

// verdict returns an error if an account does not balance.
func (b *book) verdict() error {
	for _, a := range b.Accounts {
		if !a.Balances {
			return unbalanced(a.Name)
		}
	}
	return nil
}

func newBook(figures map[string]float64) *book {
	b := &book{Time: figures["ledger.time"], Datagrams: figures["udp.packets"], KernelDropped: figures["udp.kernel_dropped"]}
	b.add(account{
		Name: "samples", Unit: "samples",
		In: []entry{{Name: "received", Count: figures["samples.received"]}},
		Out: []entry{
			{Name: "aggregated", Count: figures["samples.aggregated"]},
			{Name: "discarded", Count: figures["metrics.discarded"], Parts: parts(figures, "metrics.discarded.")},
			{Name: "refused", Count: figures["samples.refused"], Parts: parts(figures, "samples.refused.")},
		},
	})
	if _, forwards := figures["forward.rows.made"]; forwards {
		b.addDelivery(figures, account{Name: "forward", Unit: "rows"}, "forward.rows.")
	}
	for _, sink := range sinks(figures) {
		b.addDelivery(figures, account{Name: "sink " + sink, Unit: "points"}, "sink."+sink+".points.")
	}
	return b
}

// addDelivery adds an account for the metrics that start with prefix.
func (b *book) addDelivery(figures map[string]float64, a account, prefix string) {
	of := func(name string) entry {
		return entry{Name: name, Count: figures[prefix+name], Parts: parts(figures, prefix+name+".")}
	}
	a.In = []entry{of("made"), of("recovered")}
	a.Out = []entry{of("delivered"), of("queued"), of("spooled"), of("dropped")}
	b.add(a)
}

// sinks returns the names of all sinks.
func sinks(figures map[string]float64) (found []string) {
	for name := range figures {
		rest, isSink := strings.CutPrefix(name, "sink.")
		if sink, isMade := strings.CutSuffix(rest, ".points.made"); isSink && isMade {
			found = append(found, sink)
		}
	}
	slices.Sort(found)
	return found
}

// parts returns the metrics whose names start with prefix.
func parts(figures map[string]float64, prefix string) (found []entry) {
	for _, name := range slices.Sorted(maps.Keys(figures)) {
		if part, ok := strings.CutPrefix(name, prefix); ok {
			found = append(found, entry{Name: part, Count: figures[name]})
		}
	}
	return found
}

func (b *book) add(a account) {
	a.Balances = sum(a.In) == sum(a.Out)
	for _, e := range slices.Concat(a.In, a.Out) {
		a.Balances = a.Balances && (e.Parts == nil || sum(e.Parts) == e.Count)
	}
	b.Accounts = append(b.Accounts, a)
}

func sum(entries []entry) (n float64) {
	for _, e := range entries {
		n += e.Count
	}
	return n
}

// text formats the ledger for people. count formats its numbers.
func (b *book) text(count func(float64) string) string {
	var t strings.Builder
	at := "no flush yet"
	if b.Time > 0 {
		at = "as of the flush at " + time.UnixMilli(int64(b.Time*1000)).UTC().Format("2006-01-02T15:04:05.000Z")
	}
	fmt.Fprintf(&t, "ledger %s\n", at)
	for _, a := range b.Accounts {
		fmt.Fprintf(&t, "\n%s: %s = %s\n", ascii.Safe(a.Name), names(a.In), names(a.Out))
		for _, e := range slices.Concat(a.In, a.Out) {
			fmt.Fprintf(&t, "  %-12s %15s%s\n", e.Name, count(e.Count), notes(e.Parts, count))
		}
		if a.Balances {
			t.WriteString("  balances\n")
		} else {
			fmt.Fprintf(&t, "  DOES NOT BALANCE: %s %s in, %s out\n", count(sum(a.In)), a.Unit, count(sum(a.Out)))
		}
	}
	fmt.Fprintf(&t, "\ndatagrams\n  %-12s %15s\n  %-12s %15s   by the kernel, unread\n", "read", count(b.Datagrams), "dropped", count(b.KernelDropped))
	return t.String()
}

func names(entries []entry) string {
	var all []string
	for _, e := range entries {
		all = append(all, e.Name)
	}
	return strings.Join(all, " + ")
}

// notes lists the parts that are not 0.
func notes(parts []entry, count func(float64) string) string {
	var all []string
	for _, p := range parts {
		if p.Count != 0 {
			all = append(all, ascii.Safe(p.Name)+" "+count(p.Count))
		}
	}
	if all == nil {
		return ""
	}
	return "   " + strings.Join(all, ", ")
}

func plainCount(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

func grouped(n float64) string { return plural.Group(strconv.FormatFloat(n, 'f', 0, 64)) }
