//go:build linux

package main

import (
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// table measures a workload. Each daemon runs once in each round, so that changes of the machine's
// speed affect all daemons equally.
func (b *bench) table(w workload, peers []peer, rounds int, progress io.Writer) *table {
	if w.rounds > 0 {
		rounds = min(rounds, w.rounds)
	}
	t := &table{workload: w}
	if w.goBench != nil {
		fmt.Fprintf(progress, "bench: %s: go test %s\n", w.name, strings.Join(w.goBench, " "))
		var err error
		t.text, err = goBenchmark(w.goBench, rounds)
		t.failed(err)
		return t
	}
	for _, p := range peers {
		if p.takesPart(w) {
			t.rows = append(t.rows, &row{peer: p})
		}
	}
	for i := range rounds {
		for _, r := range t.rows {
			fmt.Fprintf(progress, "bench: %s, round %d of %d: %s\n", w.name, i+1, rounds, r.peer.name)
			r.rounds = append(r.rounds, b.round(r.peer, r.peer.adapt(w), t))
		}
	}
	for _, r := range t.rows {
		if w.findMax && !r.peer.onlyDrain {
			fmt.Fprintf(progress, "bench: %s, max without loss: %s\n", w.name, r.peer.name)
			var err error
			r.max, err = b.maxRate(r.peer, r.peer.adapt(w))
			t.failed(err)
		}
	}
	return t
}

// round measures one daemon in one round.
func (b *bench) round(p peer, w workload, t *table) (r round) {
	take := func(m measured, err error) *measured {
		if t.failed(err) {
			return nil
		}
		return &m
	}
	if w.network == "none" {
		r.paced = take(b.idle(p, w))
		return r
	}
	if w.measure != nil {
		r.paced = take(w.measure(b, p, w))
		return r
	}
	if !p.onlyDrain {
		r.paced = take(b.paced(p, w, w.rate))
	}
	if w.drain > 0 {
		r.drained = take(b.drained(p, w))
	}
	return r
}

// goBenchmark runs Go benchmarks, and returns their output as Markdown.
func goBenchmark(arguments []string, rounds int) (string, error) {
	command := append([]string{"test", "-run", "^$", "-count", fmt.Sprint(rounds)}, arguments...)
	out, err := exec.Command("go", command...).Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w: %s", strings.Join(command, " "), err, out)
	}
	return fmt.Sprintf("```\n$ go %s\n%s```\n", strings.Join(command, " "), out), nil
}
