package aggregate

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/metric"
)

// The memory that a table reports is close to the memory that it uses.
func TestMemory(t *testing.T) {
	n := soak.Times(200_000)
	before := heapBytes()
	table := testTable(2)
	for i := range n {
		s := table.Shard(i & 1)
		s.addText(fmt.Sprintf("service.%d.requests c 1", i))
		s.addText("lat ms 5")
	}
	grown, m := heapBytes()-before, table.Memory()
	if counted := m.Names + m.Samples; counted < grown*9/10 || counted > grown*11/10 {
		t.Errorf("counted %d bytes (%+v), the heap grew by %d", counted, m, grown)
	}
	if m.Names < n*50 || m.Samples < n*8 {
		t.Errorf("%+v", m)
	}
	runtime.KeepAlive(table)
}

func heapBytes() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestNameBytes checks the memory per name: in the table for each kind, and in the table and the
// Snapshot of a flush for a mixture of kinds.
func TestNameBytes(t *testing.T) {
	name := []byte("app.web-07.api.v2.users.get.status_200.total1") // a name of 45 bytes
	for kind, want := range map[metric.Kind]int{metric.Counter: 72, metric.Gauge: 116, metric.Timer: 88, metric.Set: 88} {
		if got := size(metaOf(kind, name)) * unitBytes; got != want {
			t.Errorf("the record of %v takes %d bytes, want %d", kind, got, want)
		}
	}

	const n = 200_000
	samples := benchSamples(n, mixed...)
	length := 0
	for i := range samples {
		length += len(samples[i].Name)
	}
	before := heapBytes()
	table := testTable(1)
	for i := range samples {
		table.Shard(0).Add(&samples[i])
	}
	full := heapBytes()
	sn := table.Drain(nil).Summarize(testLayout, 100)
	flushed := heapBytes()
	each := func(bytes int) float64 { return float64(bytes) / float64(n) }
	inTable, inSnapshot := each(full-before-length), each(flushed-full)
	t.Logf("beside its %.1f bytes, a name takes %.1f in the table and %.1f more after a flush", each(length), inTable, inSnapshot)
	if inTable > 53 {
		t.Errorf("beside its own bytes, a name takes %.1f bytes in the table", inTable)
	}
	if inSnapshot > 17 {
		t.Errorf("a name takes %.1f bytes more after a flush", inSnapshot)
	}
	runtime.KeepAlive(table)
	runtime.KeepAlive(sn)
	runtime.KeepAlive(samples)
}
