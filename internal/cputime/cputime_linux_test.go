package cputime

import (
	"testing"
	"time"
)

// TestMeter checks that a Meter measures computation but not waiting.
func TestMeter(t *testing.T) {
	var working, waiting Meter
	stop := working.Start()
	n := 0
	for start := Thread(); Thread()-start < 30*time.Millisecond; {
		n++
	}
	stop()
	stop = waiting.Start()
	<-time.After(30 * time.Millisecond)
	stop()
	if working.Total() < 30*time.Millisecond {
		t.Errorf("working: %v", working.Total())
	}
	if waiting.Total() >= working.Total() {
		t.Errorf("waiting: %v", waiting.Total())
	}
	if Process() < working.Total() {
		t.Errorf("the process used %v, a part of it %v", Process(), working.Total())
	}
}
