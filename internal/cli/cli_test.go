package cli

import (
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"1": time.Second, "0.5": 500 * time.Millisecond, "250ms": 250 * time.Millisecond, "1m30s": 90 * time.Second, "0": 0, "-1": -time.Second,
	} {
		if got, err := Duration(text); got != want || err != nil {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "soon", "1 s", "nan", "inf", "1e300", "10S"} {
		if got, err := Duration(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	flags := []string{"values", "discards", "timeout"}
	for message, want := range map[string]string{
		"unknown long flag '--value'":     "unknown long flag '--value' (did you mean --values?)",
		"unknown long flag '--tiemout'":   "unknown long flag '--tiemout' (did you mean --timeout?)",
		"unknown long flag '--vlaues'":    "unknown long flag '--vlaues' (did you mean --values?)",
		"unknown long flag '--wonderful'": "unknown long flag '--wonderful'",
		"unknown short flag '-v'":         "unknown short flag '-v'",
	} {
		if got := Suggest(message, flags); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
