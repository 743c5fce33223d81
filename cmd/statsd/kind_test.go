package main

import (
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/cli"
)

func TestParseSwitch(t *testing.T) {
	for text, want := range map[string]bool{
		"true": true, "1": true, "yes": true, "on": true, "TRUE": true,
		"false": false, "0": false, "no": false, "off": false, "Off": false,
	} {
		if got, err := parseSwitch(text); err != nil || got != want {
			t.Errorf("%q is %v, %v, want %v", text, got, err, want)
		}
	}
	refuse(t, isSwitch, "", " ", "t", "2", "maybe", "true ")
}

func TestParseCount(t *testing.T) {
	for text, want := range map[string]int{"0": 0, "8125": 8125, "-1": -1, "+7": 7, "007": 7} {
		if got, err := parseCount(text); err != nil || got != want {
			t.Errorf("%q is %v, %v, want %v", text, got, err, want)
		}
	}
	refuse(t, isCount, "", " ", "1.5", "1e3", "0x10", "1_000", "=1", "9223372036854775808", "\x00")
}

func TestParseNumber(t *testing.T) {
	for text, want := range map[string]float64{"90": 90, "99.9": 99.9, "-1": -1, ".5": .5, "5e1": 50} {
		if got, err := parseNumber(text); err != nil || got != want {
			t.Errorf("%q is %v, %v, want %v", text, got, err, want)
		}
	}
	refuse(t, isNumbers, "", " ", "90%", "1,", ",", "1;5", "1, 5", "1e400", "NaN", "inf", "-Infinity")
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"10": 10 * time.Second, "0.2": 200 * time.Millisecond, "1e1": 10 * time.Second, "-1": -time.Second,
		"10s": 10 * time.Second, "1m30s": 90 * time.Second, "200ms": 200 * time.Millisecond, "24h": 24 * time.Hour, "0": 0,
	} {
		if got, err := cli.Duration(text); err != nil || got != want {
			t.Errorf("%q is %v, %v, want %v", text, got, err, want)
		}
	}
	refuse(t, isDuration, "", " ", "10 s", "ten", "1d", "NaN", "Inf", "-Inf", "1e400", "1e18", "10000000h")
}

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int{"0": 0, "1000": 1000, "64KiB": 64 << 10, "8MiB": 8 << 20, "8MB": 8 << 20, "1GiB": 1 << 30, "1.5MiB": 3 << 19, "-1": -1} {
		if got, err := parseBytes(text); err != nil || got != want {
			t.Errorf("%q is %v, %v, want %v", text, got, err, want)
		}
	}
	refuse(t, isBytes, "", " ", "MiB", "8 MiB", "8XB", "1e6", "NaN", "9223372036854775808", "99999999999GiB")
}

func TestParsePort(t *testing.T) {
	for text, want := range map[string]int{"0": 0, "8135": 8135, "off": noPort} {
		if got, err := parsePort(text); err != nil || got != want {
			t.Errorf("%q is %v, %v, want %v", text, got, err, want)
		}
	}
	refuse(t, isPort, "", " ", "-1", "on", "Off ", "http", "8135/tcp")
}

func refuse(t *testing.T, k kind, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if k.check(text) == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestOneOf(t *testing.T) {
	if got, want := oneOf([]string{"auto", "console", "json"}), "auto, console or json"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
