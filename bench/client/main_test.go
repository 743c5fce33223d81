package main

import (
	"slices"
	"strings"
	"testing"
)

// The calls that are compared are equivalent: each call of each client sends one line. The lines
// may differ only in the digits of a number.
func TestCallsSendTheSame(t *testing.T) {
	for _, c := range contenders {
		for name, test := range map[string]struct {
			call func(c calls) func()
			want []string
		}{
			"incr":     {func(c calls) func() { return c.incr }, []string{counterName + ":1|c"}},
			"incrTags": {func(c calls) func() { return c.incrTags }, []string{counterName + ":1|c|#code:200,zone:a"}},
			"gauge":    {func(c calls) func() { return c.gauge }, []string{gaugeName + ":1234.5|g"}},
			"timing":   {func(c calls) func() { return c.timing }, []string{timerName + ":15.3|ms", timerName + ":15.300000|ms"}},
			"set":      {func(c calls) func() { return c.set }, []string{setName + ":" + member + "|s"}},
			"handle":   {func(c calls) func() { return c.handle }, []string{counterName + ":1|c"}},
		} {
			w, err := newWire()
			if err != nil {
				t.Fatal(err)
			}
			w.keep = true
			made, err := c.make(w)
			if err != nil {
				t.Fatal(err)
			}
			if call := test.call(made); call != nil {
				call()
			} else {
				w.packets = test.want
			}
			made.close()
			if got := strings.TrimSuffix(strings.Join(w.packets[:1], ""), "\n"); !slices.Contains(test.want, got) {
				t.Errorf("%s of %s (merged %v) sent %q, want %q", name, c.name, c.merged, got, test.want)
			}
		}
	}
}
