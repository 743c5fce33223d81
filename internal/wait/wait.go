// Package wait waits in tests for what another goroutine or process does.
package wait

import (
	"testing"
	"time"
)

// Patience is how long a test waits for something that usually takes a moment. It is
// long, so that a busy machine fails no test, and ends before go test's own limit.
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
