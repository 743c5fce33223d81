package cluster

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/meta/question"
)

// cluster returns the cluster as an owner sees it.
func (d *daemon) cluster() (c question.Cluster, err error) {
	answer, err := http.Get("http://" + d.monitor + "/api/v1/cluster")
	if err != nil {
		return c, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return c, fmt.Errorf("%s", answer.Status)
	}
	return c, json.NewDecoder(answer.Body).Decode(&c)
}

// ledger checks that every message and every sample is accounted for. Other samples were in messages that do not
// count.
func (w *world) ledger(t *testing.T, others uint64) {
	t.Helper()
	w.load.end()
	windows(3) // the last ones
	sure, maybe := w.load.samples()
	var last question.ClusterLedger
	wait.Until(t, "the ledger does not come to rest", func() bool {
		c, err := w.owners[0].cluster()
		last = c.Ledger
		return err == nil && last.Lag == 0 && last.Held == 0 && last.Samples+last.Lost >= sure+others
	})
	t.Logf("%d messages, %d of them repeated; %d samples merged", last.Stored, last.Duplicates, last.Samples)
	if last.Difference != 0 {
		t.Errorf("messages are not accounted for: %+v", last)
	}
	if last.Samples < sure || last.Samples > sure+maybe || last.Lost != others {
		t.Errorf("%d to %d samples were forwarded, and %d in messages that do not count: %+v", sure, sure+maybe, others, last)
	}
}

// samples returns how many samples edges have got, and how many more they may have lost when they were killed.
func (l *load) samples() (sure, maybe uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.windows {
		for name, samples := range w.sent {
			if w.maybe[name] {
				maybe += uint64(len(samples))
			} else {
				sure += uint64(len(samples))
			}
		}
	}
	return sure, maybe
}
