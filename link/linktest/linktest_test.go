package linktest

import (
	"testing"

	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/link/enginetest"
)

// TestEngine checks that the engine in memory fulfils the contract of an engine. Therefore, results of tests with this
// engine are also valid for the real engines.
func TestEngine(t *testing.T) {
	settings, err := enginetest.Settings.First(func(key []byte) { key[0] = 1 })
	if err != nil {
		t.Fatal(err)
	}
	e := New(settings, 1)
	enginetest.Run(t, enginetest.Cluster{
		Owners: 3,
		Engine: func(testing.TB) link.Engine { return e.Connect() },
		Sender: func(testing.TB) link.Sender { return e.Sender() },
	})
}
