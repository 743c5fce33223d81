package main

import (
	"slices"
	"testing"
)

func TestFromGstatsd(t *testing.T) {
	for _, tt := range []struct {
		why        string
		args, want []string
	}{
		{"nothing", nil, []string{"--dialect=gstatsd"}},
		{"each short flag", []string{"-b", "localhost:8126", "-s", "2003", "-f", "5", "-x", "acme", "-p", "95", "-D", "-v"},
			[]string{"--dialect=gstatsd", "--flush-interval=5", "--prefix=acme", "--pct=95", "--daemonize", "--debug", "--name=localhost", "--port=8126", "--sink=:2003"}},
		{"each long flag", []string{"--bind=:8126", "--sink", "carbon:2003", "--type=graphite", "--flush=5", "--prefix", "acme", "--percent=95", "--daemonize", "--verbose", "--help", "--version"},
			[]string{"--dialect=gstatsd", "--flush-interval=5", "--prefix=acme", "--pct=95", "--daemonize", "--help", "--version", "--debug", "--port=8126", "--sink=graphite://carbon:2003"}},
		{"letters together", []string{"-vvDf5", "-b8126", "-h"},
			[]string{"--dialect=gstatsd", "--flush-interval=5", "--daemonize", "--help", "--debug", "--debug-metric=:", "--port=8126"}},
		{"the last one counts, and all sinks do", []string{"-f1", "-f2", "-b1", "-b", "[::1]:2", "-s", "1", "-s:2", "-s", "c:3"},
			[]string{"--dialect=gstatsd", "--flush-interval=2", "--name=::1", "--port=2", "--sink=:1", "--sink=:2", "--sink=c:3"}},
		{"a type is for all sinks but URLs", []string{"-s", "8126", "-t", "load", "-s", "h:1", "-s", "graphite://c:3"},
			[]string{"--dialect=gstatsd", "--sink=load://:8126", "--sink=load://h:1", "--sink=graphite://c:3"}},
		{"statsd's own long flags", []string{"--grace", "3", "--dialect", "gstatsd", "--no-alert", "word"},
			[]string{"--grace", "3", "--dialect", "gstatsd", "--no-alert", "word"}},
		{"an empty value", []string{"-x", ""}, []string{"--dialect=gstatsd", "--prefix="}},
	} {
		if got, err := fromGstatsd(tt.args); err != nil || !slices.Equal(got.args, tt.want) {
			t.Errorf("%s: %q, %v\nwant %q", tt.why, got.args, err, tt.want)
		}
	}
}

func TestIsGstatsd(t *testing.T) {
	for _, tt := range []struct {
		program string
		args    []string
		want    bool
	}{
		{"/usr/bin/statsd", nil, false},
		{"/usr/bin/gstatsd", nil, true},
		{"gstatsd", []string{"-s", "2003"}, true},
		{"statsd", []string{"--dialect=gstatsd"}, true},
		{"statsd", []string{"-p", "1", "--dialect", "gstatsd"}, true},
		{"statsd", []string{"--dialect=reference"}, false},
		{"statsd", []string{"--dialect"}, false},
		{"gstatsd", []string{"--dialect=reference"}, false},
		{"gstatsd", []string{"--dialect", "reference"}, false},
	} {
		if got := isGstatsd(tt.program, tt.args); got != tt.want {
			t.Errorf("%s %q: %v", tt.program, tt.args, got)
		}
	}
}
