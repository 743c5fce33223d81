package intake

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
)

// The few prefixes with the most refusals are found among any number of other prefixes. Their true
// counts lie between the reported bounds.
func TestBusiestOffendersAreFound(t *testing.T) {
	var o offenders
	random := rand.New(rand.NewPCG(1, 2))
	const n = 50_000
	truth := map[string]uint64{}
	for i := range n {
		name := fmt.Sprintf("noise%d.x.y", i)
		if busy := random.IntN(20); busy < 10 {
			name = fmt.Sprintf("busy%d.x.%d", busy, i)
			truth[fmt.Sprintf("busy%d.x.", busy)]++
		}
		o.note(metric.RefusedName, []byte(name))
	}
	in := Intake{lanes: []*lane{{shard: aggregate.NewTable(aggregate.Config{Shards: 1}).Shard(0), offenders: o}}}
	got := in.Refused()
	if len(got) != maxShownOffenders {
		t.Fatalf("%d are shown, want %d", len(got), maxShownOffenders)
	}
	for _, r := range got[:len(truth)] {
		if count := truth[r.Prefix]; count < r.Min || count > r.Max || r.Max-r.Min > n/maxOffenders {
			t.Errorf("%s: between %d and %d, in truth %d", r.Prefix, r.Min, r.Max, count)
		}
	}
	if n := testing.AllocsPerRun(100, func() { o.note(metric.RefusedMember, []byte("some.set")) }); n != 0 {
		t.Errorf("%v allocations a refusal", n)
	}
}

func BenchmarkRefuse(b *testing.B) {
	var o offenders
	name := []byte("noise00000000.some.name")
	for i := 0; b.Loop(); i++ {
		binary.LittleEndian.PutUint64(name[5:], uint64(i)|0x8080808080808080)
		o.note(metric.RefusedName, name)
	}
}
