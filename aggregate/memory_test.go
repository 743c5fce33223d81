package aggregate

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/statsd-ops/statsd/internal/soak"
)

// The reported memory of a table is nearly its real memory.
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
