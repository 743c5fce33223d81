package meta

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// exampleHealth returns the Health of a daemon that has been failing for a quarter of an hour, for two reasons.
func exampleHealth() Health {
	since := time.Now().Add(-15 * time.Minute)
	return Health{State: Failing, Since: since, Reasons: []Reason{
		{ID: SinkFailing, Subject: "graphite", State: Failing, Text: "sink <graphite> fails", Since: since, Effect: "its points wait", Next: "statsdmonitor", Clears: "when it accepts"},
		{ID: KernelDrops, State: Degraded, Text: "the kernel dropped 3", Since: since, Effect: "counters are low", Next: "statsdmonitor | grep udp", Clears: "later"},
	}}
}

// TestProbes checks the HTTP status and the first line of each probe, for each state of the daemon.
func TestProbes(t *testing.T) {
	since := time.Date(2026, 11, 29, 2, 13, 0, 0, time.UTC)
	reason := func(id string, state State) Health {
		return Health{State: state, Reasons: []Reason{{ID: id, State: state, Text: "text of " + id, Since: since, Next: "command"}}}
	}
	for name, tt := range map[string]struct {
		health            Health
		code, live, ready int
		body              string
	}{
		"ok":                    {Health{}, 200, 200, 200, "ok"},
		"degraded":              {reason(KernelDrops, Degraded), 200, 200, 200, "degraded: text of kernel_drops; since 2026-11-29T02:13:00Z; next: command"},
		"failing":               {reason(PointsDropped, Failing), 503, 200, 200, "failing: text of points_dropped; since 2026-11-29T02:13:00Z; next: command"},
		"one sink fails":        {reason(SinkFailing, Degraded), 503, 200, 200, "degraded: text of sink_failing; since 2026-11-29T02:13:00Z; next: command"},
		"a sink begins to fail": {reason(SinkFailing, OK), 503, 200, 200, "note: text of sink_failing; since 2026-11-29T02:13:00Z; next: command"},
		"no flush":              {reason(FlushOverdue, Failing), 503, 503, 200, "failing: text of flush_overdue; since 2026-11-29T02:13:00Z; next: command"},
		"cluster unknown":       {reason(ClusterUnknown, Failing), 503, 200, 503, "failing: text of cluster_unknown; since 2026-11-29T02:13:00Z; next: command"},
		"no owner":              {reason(PartitionUnowned, Failing), 503, 200, 200, "failing: text of partition_unowned; since 2026-11-29T02:13:00Z; next: command"},
		"ending":                {Health{Draining: true}, 200, 200, 503, "ok"},
	} {
		t.Run(name, func(t *testing.T) {
			source := exampleSource()
			source.health = tt.health
			addr := start(t, source, exampleValues(1))
			a := get(t, addr, "/healthz")
			if !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") || a.code != tt.code || a.body != tt.body+"\n" {
				t.Errorf("/healthz answers %d %q, want %d %q", a.code, a.body, tt.code, tt.body)
			}
			if got := get(t, addr, "/livez").code; got != tt.live {
				t.Errorf("/livez answers %d, want %d", got, tt.live)
			}
			if got := get(t, addr, "/readyz"); got.code != tt.ready || tt.code == tt.ready && got.body != tt.body+"\n" && got.body != "ok\n" {
				t.Errorf("/readyz answers %d %q, want %d", got.code, got.body, tt.ready)
			}
		})
	}
}

// TestHealthBodies checks that all formats list all reasons.
func TestHealthBodies(t *testing.T) {
	source := exampleSource()
	source.health = exampleHealth()
	addr := start(t, source, exampleValues(1))
	if body := get(t, addr, "/healthz").body; strings.Count(body, "\n") != 2 || !strings.Contains(body, "\ndegraded: the kernel dropped 3; since ") {
		t.Errorf("/healthz: %s", body)
	}
	body := get(t, addr, "/healthz?verbose").body
	for _, want := range []string{"failing since ", "[-] sink_failing failing: sink <graphite> fails", "    effect: its points wait\n", "    clears: later\n", "[+] flush_overdue ok\n", "[+] ledger ok\n"} {
		if !strings.Contains(body, want) {
			t.Errorf("/healthz?verbose lacks %q: %s", want, body)
		}
	}
	r, err := http.NewRequest("GET", "http://"+addr+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "application/health+json")
	var got struct {
		Status, Output string
		Checks         map[string][]struct{ Status, ComponentID, Next string }
	}
	a := do(t, r)
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.code != 503 || a.header.Get("Content-Type") != "application/health+json" {
		t.Fatalf("%d %v %s: %v", a.code, a.header, a.body, err)
	}
	if sink := got.Checks[SinkFailing]; got.Status != "fail" || got.Output != "sink <graphite> fails; the kernel dropped 3" || len(sink) != 1 || sink[0].ComponentID != "graphite" || got.Checks[KernelDrops][0].Status != "warn" {
		t.Errorf("health+json: %s", a.body)
	}
}
