package kernel

import "testing"

// Without coalesced packets, the number of lost datagrams is exactly the kernel's count.
func TestLoss(t *testing.T) {
	var l Loss
	l.last = 1<<32 - 2 // the kernel's 32-bit counter overflows
	if n := l.Now(1); n != 3 {
		t.Errorf("%d lost before anything was read, want 3", n)
	}
	l.Note(10, 10)
	l.Note(1, 1)
	if n := l.Now(8); n != 10 {
		t.Errorf("%d lost without coalesced packets, want 10", n)
	}
	l.Note(10, 40)
	if n := l.Now(10); n != 18 {
		t.Errorf("%d lost with coalesced packets of 4 datagrams, want 18", n)
	}
	if n := l.Now(11); n != 22 {
		t.Errorf("%d lost, want 22, as with the coalesced packets of the previous period", n)
	}
}
