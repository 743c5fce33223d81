package census

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// growth keeps the last 60 minutes.
func TestGrowthMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := testTable(1)
		start := time.Now()
		for i := range 3 * growthMinutes {
			table.name(0, "app.n%d", i)
			time.Sleep(time.Minute)
			table.flushAll()
		}
		for _, minutes := range []int{0, 1, 10, 59, 60, 200} {
			got := GrowthOf(table.Table, time.Now().Add(-time.Duration(minutes)*time.Minute))
			want := uint64(min(minutes, growthMinutes-1)) // the current minute contains no names
			if got.New.Total != want || got.New.Nodes[0].Prefixes["app."] != (Bounds{want, want}) && want > 0 ||
				got.New.Nodes[1].Prefixes[fmt.Sprintf("app.n%d", 3*growthMinutes-1)].Most > 1 {
				t.Errorf("%d minutes: %d new, want %d: %v", minutes, got.New.Total, want, got.New)
			}
			if got.Gone.Total > want+1 || got.Since.Before(start) {
				t.Errorf("%d minutes: %d gone, since %v", minutes, got.Gone.Total, got.Since)
			}
		}
	})
}

func BenchmarkGrowth(b *testing.B) {
	for _, prefixes := range []int{1, 20, 1000} {
		b.Run(fmt.Sprintf("prefixes=%d", prefixes), func(b *testing.B) {
			g := NewCounter()
			names := make([][]byte, 10_000)
			for i := range names {
				names[i] = fmt.Appendf(nil, "app%d.web-%02d.api.v2.users.get.status_%d", i%prefixes, i%prefixes, i)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				g.Add(names[i%len(names)])
			}
		})
	}
}
