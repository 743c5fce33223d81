package meta

import (
	"context"
	"errors"
	"html"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/meta/question"
)

// TestPageCluster checks that the page shows the cluster if the daemon is in one.
func TestPageCluster(t *testing.T) {
	none := errors.New("in no cluster")
	owner := question.Cluster{
		Collects: true, Address: "nats://n1", ID: "owner-a",
		Partitions: []question.ClusterPartition{
			{Partition: 0, Owner: "owner-a", Head: time.Now().Add(-6 * time.Second), Stored: 1200, Merged: 1100, Full: 0.25},
			{Partition: 1, Owner: "<owner-b>", Unowned: true, Lag: 4711},
			{Partition: 2, Fault: "no answer"},
		},
		Edges:  []question.ClusterEdge{{Edge: "web<1>", Number: 5400, Samples: 4120331, Heard: time.Now().Add(-time.Hour), Silent: true, Ahead: -3.5}},
		Ledger: question.ClusterLedger{Stored: 1201, Merged: 1200, Difference: 1, Missing: 3, Samples: 9, Lost: 2},
	}
	edge := question.Cluster{Forwards: true, Forward: question.ClusterForward{
		Address: "statsd://c:8127", Edge: "web1", State: "FAILING", Error: "refused", Made: 10, Acknowledged: 4, Spooled: 5, Dropped: 1, Unowned: []int{1, 2},
	}}
	for name, tt := range map[string]struct {
		answer question.Cluster
		err    error
		want   []string
	}{
		"owner": {owner, nil, []string{
			"nats://n1, owner owner-a", `<td class="bad">none, was <owner-b></td><td class="n">none</td><td class="n">4,711</td>`,
			`<td class="bad"> (no answer)</td>`, `<code>web<1></code></td><td class="bad">silent</td><td class="n">1 h 0 min ago</td><td class="n">5,400</td><td class="n">4,120,331</td><td class="n">-3.50 s</td>`,
			"stored 1,201, merged 1,200", "3 messages of edge daemons never came", "off by +1", "merged 9, lost 2", "25 %",
		}},
		"edge": {edge, nil, []string{"to statsd://c:8127 as edge daemon web1, FAILING: refused", "made 10, recovered 0, acknowledged 4, waiting 5, dropped 1", "2 partitions have no owner"}},
		"none": {question.Cluster{}, none, nil},
	} {
		t.Run(name, func(t *testing.T) {
			ask := func(context.Context, question.Arguments) (question.Answer, error) {
				return question.Answer{Data: tt.answer}, tt.err
			}
			m, err := NewMonitor(MonitorConfig{Questions: []question.Question{{Name: "cluster", Answer: question.Cluster{}, Ask: ask}}}, exampleSource(), exampleValues(1))
			if err != nil {
				t.Fatal(err)
			}
			raw := get(t, run(t, m), "/plain").body
			body := html.UnescapeString(raw)
			if name == "owner" {
				checkAge(t, body)
			}
			for _, want := range tt.want {
				if !strings.Contains(body, want) {
					t.Errorf("the page lacks %s", want)
				}
			}
			if strings.Contains(raw, "web<1>") || strings.Contains(body, `id="cluster"`) != (tt.err == nil) {
				t.Errorf("the page has names as they are, or the wrong parts")
			}
		})
	}
}

// checkAge checks the age of the last published interval of owner-a's partition. At the start of
// the test it was six seconds old.
func checkAge(t *testing.T, body string) {
	t.Helper()
	m := regexp.MustCompile(`<td>owner-a</td><td class="n">([0-9.]+) s ago</td>`).FindStringSubmatch(body)
	if m == nil {
		t.Fatal("the page lacks the age of the head of owner-a")
	}
	if age, err := strconv.ParseFloat(m[1], 64); err != nil || age < 6 {
		t.Errorf("the head of owner-a is %s s old, want 6 or more", m[1])
	}
}
