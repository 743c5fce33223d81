package room

import "testing"

func TestHigh(t *testing.T) {
	if High() != 1 {
		t.Error("not 1")
	}
}
