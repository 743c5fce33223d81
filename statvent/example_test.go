package statvent_test

import (
	"fmt"

	"github.com/statsd-ops/statsd/statvent"
)

func Example() {
	var r statvent.Registry
	r.Incr("web.requests", 41)
	r.Incr("web.requests", 1)
	r.SetFloat("load", 0.5)
	for _, ms := range []float64{1, 2, 3, 4, 100} {
		r.Record("web.ms.{0}", ms)
	}
	text, _ := r.AppendText(nil)
	fmt.Print(string(text))
	// Output:
	// load: 0.5
	// web.ms.100th: 100.0
	// web.ms.95th: 4.0
	// web.ms.99th: 4.0
	// web.ms.mean: 22.0
	// web.ms.median: 2.0
	// web.requests: 42
}
