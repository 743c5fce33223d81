package meta

import (
	"reflect"
	"testing"
	"time"
)

func TestStatsKeep(t *testing.T) {
	var s Stats
	if got := s.Figures(); len(got) != 0 {
		t.Errorf("before the first flush: %v", got)
	}
	s.Keep([]Figure{{Name: "lines", Value: 100, Count: true}, {Name: "queued", Value: 5}}, 10*time.Second)
	want := []Figure{{Name: "lines", Value: 100, Count: true}, {Name: "queued", Value: 5}}
	if got := s.Figures(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	given := []Figure{{Name: "queued", Value: 9}, {Name: "new", Value: 7, Count: true}, {Name: "lines", Value: 350, Count: true}}
	s.Keep(given, 10*time.Second)
	given[0].Value = 0
	got := s.Figures()
	want = []Figure{{Name: "queued", Value: 9}, {Name: "new", Value: 7, Count: true}, {Name: "lines", Value: 350, Count: true, Rate: 25}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	got[0].Value = 0
	if s.Figures()[0].Value != 9 {
		t.Error("the result is not a copy")
	}
}
