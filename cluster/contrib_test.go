package cluster

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/statsd-ops/statsd/cluster/nodes"
)

// TestSample checks the configurations in contrib/nats with nats-server.
func TestSample(t *testing.T) {
	for _, name := range []string{"a.conf", "b.conf", "c.conf"} {
		cmd := exec.Command(nodes.Program(t), "-t", "-c", filepath.Join(nodes.Tree(), "contrib", "nats", name))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
