package cluster

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
)

// health returns the response of /healthz.
func (d *daemon) health() string {
	answer, err := http.Get("http://" + d.monitor + "/healthz")
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// TestOwnersDead kills all owners. All edges must report that the partitions have no owner, including an edge that is
// restarted during this time. The edges must still report this reason when the streams are full. After the owners are
// started again, the edges must no longer report this reason, and no data may be missing.
func TestOwnersDead(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	w := newWorld(t, size{owners: 2, edges: 2, partitions: 2, bytes: "64KiB"})
	const unowned = "failing: 2 partitions have no owner of 2: 0, 1"
	w.scenario("all owners dead", func(t *testing.T) {
		for _, d := range w.owners {
			d.kill()
		}
		w.killThis(w.edges[1])
		begun := time.Now()
		for _, d := range w.edges {
			w.awaitHealth(d, unowned, true)
			t.Logf("%s says it after %.0f s", d.name, time.Since(begun).Seconds())
		}
		w.awaitHealth(w.edges[0], "maximum bytes exceeded", true)
		for until := time.Now().Add(soak.Pick(30*time.Second, 5*time.Minute)); time.Now().Before(until); time.Sleep(time.Second) {
			for _, d := range w.edges {
				if said := d.health(); !strings.Contains(said, unowned) {
					t.Fatalf("%s no longer says that there is no owner %.0f s after they died:\n%s", d.name, time.Since(begun).Seconds(), said)
				}
			}
		}
		for _, d := range w.owners {
			d.start()
		}
		for _, d := range w.edges {
			w.awaitHealth(d, "no owner", false)
		}
	})
}

// awaitHealth waits until the response of /healthz contains a text (there == true), or until the
// response does not contain the text (there == false).
func (w *world) awaitHealth(d *daemon, text string, there bool) {
	w.t.Helper()
	const patience = 3 * time.Minute
	said := ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if said = d.health(); strings.Contains(said, text) == there {
			return
		}
	}
	w.t.Fatalf("the health of %s has %q: want %v\n%s", d.name, text, there, said)
}
