package collect

import (
	"os"
	"reflect"
	"testing"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
)

// goldenRecord is the record in testdata/version-1.record.
func goldenRecord() *record {
	r := &record{
		window: 178_000_000, revision: 2, samples: 77, seen: identities{{"web1", 1795251000e9, 5, 0}: {}, {"web2", 1795251000e9, 6, 1}: {}},
		checkpoint: []aggregate.Known{{Kind: metric.Gauge, Name: []byte("temp"), Unseen: 3, Value: 21.5, Set: 1795251000e9}, {Kind: metric.Counter, Name: []byte("hits")}},
		rows:       [][]byte{[]byte("first"), []byte("second")},
	}
	r.Head = Head{
		Owner: "owner1", Epoch: 1795250000e9, Revision: 12, Closed: 178_000_001, Applied: 4000, Held: []uint64{3990, 3999}, Undelivered: 177_999_999, Stale: 177_999_990,
		Checkpoints: []int64{177_999_960, 178_000_000}, Edges: []Edge{{"web1", 1795251000e9, 5, 70, 178_000_000, 177_000_000, 1795251010e9, -15}},
	}
	for i, n := range r.Counts.all() {
		*n = uint64(1000 + i)
	}
	return r
}

// This version of the program still decodes records of format version 1.
func TestGolden(t *testing.T) {
	b, err := os.ReadFile("testdata/version-1.record")
	if err != nil {
		t.Fatal(err)
	}
	got, err := (&codec{}).decode(b)
	if want := goldenRecord(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}
