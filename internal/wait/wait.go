// Package wait lets tests wait for goroutines and processes.
package wait

import (
	"flag"
	"testing"
	"time"
)

// Beside lets up to 16 parallel tests run at the same time, even on a machine with few cores.
// Packages whose tests mostly wait call it in TestMain. A -parallel flag on the command line has
// priority.
func Beside() {
	_ = flag.Set("test.parallel", "16") // never fails: every test program has this flag, and 16 is valid
}

// Patience is how long a test waits for an event that usually happens within milliseconds. It is
// long enough for a busy machine, and shorter than the time limit of "go test".
const Patience = 4 * time.Minute

// Until waits until the function ok returns true. If this takes longer than Patience, it fails the
// test with the text complaint.
func Until(t testing.TB, complaint string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(Patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %v: %s", Patience, complaint)
		}
	}
}

// Longer tests code that has a time limit. It calls the function try again and again until try succeeds. The parameter
// first is the first limit, and each further limit is twice as long. On a busy machine, a short limit can expire for
// operations that should succeed. If try still fails with a limit of more than a minute, Longer fails the test.
func Longer(t testing.TB, first time.Duration, try func(limit time.Duration) error) {
	t.Helper()
	for limit := first; ; limit *= 2 {
		err := try(limit)
		if err == nil {
			return
		}
		if limit > time.Minute {
			t.Fatalf("with a limit of %v: %v", limit, err)
		}
		t.Logf("with a limit of %v: %v", limit, err)
	}
}
