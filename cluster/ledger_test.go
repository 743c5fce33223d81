package cluster

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/meta/question"
)

// cluster returns the state of the cluster as this owner sees it.
func (d *daemon) cluster() (question.Cluster, error) {
	var body struct {
		Data question.Cluster `json:"data"`
	}
	answer, err := http.Get("http://" + d.monitor + "/api/v1/cluster")
	if err != nil {
		return body.Data, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return body.Data, fmt.Errorf("%s", answer.Status)
	}
	err = json.NewDecoder(answer.Body).Decode(&body)
	return body.Data, err
}

// ledger checks that every message and every sample is accounted for. The parameter others is the
// number of samples in messages that must be ignored.
func (w *world) ledger(t *testing.T, others uint64) {
	t.Helper()
	w.load.end()
	windows(3) // wait until the last flush intervals are published
	sure, maybe := w.load.samples()
	var last question.ClusterLedger
	for deadline := time.Now().Add(wait.Patience / 2); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		c, err := w.owners[0].cluster()
		if last = c.Ledger; err == nil && last.Lag == 0 && last.Held == 0 && last.Samples+last.Lost >= sure+others {
			break
		}
	}
	t.Logf("%d messages, %d of them repeated; %d samples merged", last.Stored, last.Duplicates, last.Samples)
	if last.Difference != 0 {
		t.Errorf("messages are not accounted for: %+v", last)
	}
	if last.Samples < sure || last.Samples > sure+maybe || last.Lost != others {
		t.Errorf("%d to %d samples were forwarded, and %d in messages that do not count: %+v", sure, sure+maybe, others, last)
	}
}

// samples returns the number of samples that edges have certainly received, and the number of
// samples that may be lost because an edge was killed.
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
