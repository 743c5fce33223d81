// Package wait lets tests wait for other goroutines and processes.
package wait

import (
	"flag"
	"testing"
	"time"
)

// Beside lets 16 parallel tests run at a time, even with few cores. Packages whose tests mostly wait call it in
// TestMain. The flag -parallel has priority.
func Beside() {
	_ = flag.Set("test.parallel", "16") // each test program has this flag, and a positive number is right
}

// Patience is how long a test waits for something that usually takes a moment. It is long, so that
// no test fails on a busy machine, and shorter than go test's own limit.
const Patience = 4 * time.Minute

// Until waits until ok, and fails the test with complaint if that takes more than
// Patience.
func Until(t testing.TB, complaint string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(Patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %v: %s", Patience, complaint)
		}
	}
}

// Longer tests a time limit. It runs try with the first limit, and then with longer
// ones, until try succeeds. On a busy machine a short limit also hits connections or
// sends that it should spare. If a limit of more than a minute is not enough, the fault is real.
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
