package meta

import (
	"testing"

	"github.com/statsd-ops/statsd/internal/httpgate/httpgatetest"
)

// TestProtections runs the checks of package httpgatetest on the monitor's URL paths. Each path is
// tested on a separate monitor.
func TestProtections(t *testing.T) {
	for _, path := range []string{"/", "/plain", "/healthz", "/metrics", "/api/v1/"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			httpgatetest.Check(t, start(t, exampleSource(), kept{}), path)
		})
	}
}
