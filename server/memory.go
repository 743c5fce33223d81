package server

import "runtime/metrics"

// memory is the memory of the process, in bytes.
type memory struct {
	live float64 // live objects as of the last garbage collection
	held float64 // obtained from the system and not returned: about the resident set
}

func readMemory() memory {
	s := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(s)
	bytes := func(i int) float64 { return float64(s[i].Value.Uint64()) }
	return memory{live: bytes(0), held: bytes(1) - bytes(2)}
}
