package link

import (
	"strings"
	"testing"
)

func TestCheckName(t *testing.T) {
	for _, name := range []string{"a", "web1", "web1.example.com", "Web_1-b", "rack:7@east", "10.0.0.7", strings.Repeat("a", 255)} {
		if err := CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for name, want := range map[string]string{
		"":                       "empty",
		strings.Repeat("a", 256): "256 bytes",
		"web 1":                  `' '`,
		"web\n1":                 `'\n'`,
		"web1\x00":               `'\x00'`,
		"\x1b[31mweb":            `'\x1b'`,
		"web*":                   `'*'`,
		"web>":                   `'>'`,
		"web/1":                  `'/'`,
		"wéb":                    `'é'`,
		"web\u202e1":             `'\u202e'`,
		"web\u200b":              `'\u200b'`,
		"web\xff":                "not",
		`we"b`:                   `'"'`,
	} {
		if err := CheckName(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", name, err, want)
		}
	}
}
