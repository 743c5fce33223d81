package tcp

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/statsd-ops/statsd/link"
)

// TestOpenCommits checks that the cost of opening depends on the number of files, not on the number of places: with
// a short interval a partition has thousands of places, and almost all of them are empty at first. Files with other
// names are ignored.
func TestOpenCommits(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "commits")
	const places = math.MaxInt64
	c, _, err := openCommits(dir, places)
	if err != nil {
		t.Fatal(err)
	}
	c.next = func() uint64 { return 1 }
	var head link.Version
	for _, slot := range []int64{link.TakeOver, 7, 3e9} {
		if head, err = c.Append(t.Context(), head, slot, []byte("a record")); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"window-07", "window--1", "window-x", "window-", "window-8.new", "other"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("no commit"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, _, err = openCommits(dir, places)
	if err != nil {
		t.Fatal(err)
	}
	if last, err := c.Head(t.Context()); err != nil || last.Version != head || last.Slot != 3e9 {
		t.Errorf("the head is %+v, %v", last, err)
	}
	if len(c.kept) != 3 {
		t.Errorf("the slots are %v", c.kept)
	}
}
