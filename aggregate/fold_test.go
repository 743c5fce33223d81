package aggregate

import (
	"slices"
	"testing"
)

func TestTwoDots(t *testing.T) {
	for _, tt := range []struct {
		name string
		want bool
	}{
		{"", false}, {".", false}, {"..", true}, {"a.b", false}, {"abcdefg", false}, {"abcdef..", true}, {"abcdefgh", false},
		{"./././././././", false}, {"/././././././.", false}, {".-./.-./.-./", false}, {"a./.b./.c./.d..", true},
	} {
		if got := twoDots([]byte(tt.name)); got != tt.want {
			t.Errorf("twoDots(%q) = %v", tt.name, got)
		}
	}
	for length := 2; length < 40; length++ {
		for at := range length - 1 {
			name := slices.Repeat([]byte("a./"), 14)[:length]
			name[at], name[at+1] = '.', '.'
			if !twoDots(name) {
				t.Errorf("the dots in %q are not seen", name)
			}
		}
	}
}
