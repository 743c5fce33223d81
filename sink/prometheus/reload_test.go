package prometheus

import (
	"context"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// reload reloads the mapping file, and waits until all names are mapped.
func (d *daemon) reload(cfg Config) {
	d.t.Helper()
	next, err := New(cfg, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	d.Reload(next)
	synctest.Wait()
}

// startReloading starts a daemon that supports reloads, in a synctest bubble.
func startReloading(t *testing.T, cfg Config) *daemon {
	d := startDaemon(t, cfg)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.reloads.run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	return d
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := mapped(t, `
mappings:
- {match: "stay.*", name: stay, labels: {of: "$1"}}
- {match: "move.*", name: old, labels: {of: "$1"}}
- {match: "gone.*", name: gone}
- {match: "scaled", name: scaled}
- {match: "h", name: h, observer_type: histogram, histogram_options: {buckets: [1]}}
- {match: "noise", name: noise, action: drop}`)
		d := startReloading(t, cfg)
		d.flush("stay.a:1|c", "move.a:2|c", "gone.a:3|c", "scaled:4|c", "h:5|h", "free:6|g", "noise:1|c", "s:1:2|h", "set:a|s")
		writeMapping(t, cfg.Mapping, `
mappings:
- {match: "move.*", name: new, labels: {of: "$1"}}
- {match: "gone.*", name: gone, action: drop}
- {match: "scaled", name: scaled, scale: 2}
- {match: "h", name: h, observer_type: histogram, histogram_options: {buckets: [2]}}
- {match: "stay.*", name: stay, labels: {of: "$1"}, ttl: 1m}`)
		d.receive("later.a:9|c", "stay.a:1|c")
		d.reload(cfg)
		d.flush()
		s := []string{`s{quantile="0.5"} 1`, `s{quantile="0.9"} 2`, `s{quantile="0.99"} 2`, "s_sum 3", "s_count 2"}
		d.expect("series that no name goes to are gone, new ones wait for a sample",
			append(s, `stay{of="a"} 2`, "free 6", "set 1", "later_a 9")...)
		d.flush("stay.a:1|c", "move.a:2|c", "gone.a:3|c", "scaled:4|c", "h:5|h", "noise:1|c", "set:b|s")
		d.expect("and begin at 0", append(s, `stay{of="a"} 3`, "free 6", "set 2", "later_a 9",
			`new{of="a"} 2`, "scaled 8", `h_bucket{le="2"} 0`, `h_bucket{le="+Inf"} 1`, "h_sum 5", "h_count 1", "noise 1")...)
		time.Sleep(2 * time.Minute)
		d.flush()
		if strings.Contains(d.shown(), "stay") {
			t.Error("the new ttl does not hold for an old series")
		}
	})
}

func TestReloadKeepsRuleTallies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := mapped(t, "mappings:\n- {match: 'a.*', name: a, id: one}\n- {match: 'b', name: b, id: two}")
		cfg.Own = true
		d := startReloading(t, cfg)
		d.flush("a.a:1|c", "a.b:1|c", "b:1|c")
		writeMapping(t, cfg.Mapping, "mappings:\n- {match: 'b', name: b, id: two}\n- {match: 'a.*', name: a, id: one}")
		d.reload(cfg)
		d.flush("a.a:1|c")
		d.reload(cfg) // reload without a change of the file
		d.flush("a.a:1|c")
		d.ReloadFailed() // this reload failed for another reason than the mapping
		writeMapping(t, cfg.Mapping, "mappings: 7")
		d.ReloadFailed()
		d.flush()
		for _, line := range []string{
			`statsd_mapping_rule_shown_total{rule="one"} 4`, `statsd_mapping_rule_names{rule="one"} 2`, `statsd_mapping_rule_shown_total{rule="two"} 1`,
			`statsd_mapping_reloads_total{result="success"} 2`, `statsd_mapping_reloads_total{result="error"} 1`, "a 4", "b 1",
		} {
			if !strings.Contains(d.page(), line+"\n") {
				t.Errorf("the page has no line %q:\n%s", line, d.page())
			}
		}
	})
}

// TestReloadTwice checks that the second of two reloads takes effect, even if it starts before the first one is
// finished.
func TestReloadTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := mapped(t, "mappings:\n- {match: 'a', name: one}")
		d := startReloading(t, cfg)
		d.flush("a:1|c")
		first, second := d.changed(cfg, "mappings:\n- {match: 'a', name: two}"), d.changed(cfg, "mappings:\n- {match: 'a', name: three}")
		d.Reload(first)
		d.Reload(second)
		synctest.Wait()
		d.flush("a:1|c")
		d.flush("a:1|c")
		d.expect("the newest", "three 1")
		d.Reload(first)
		d.flush("a:1|c") // the goroutine of the reload has possibly not mapped the names yet
		synctest.Wait()
		d.flush()
		d.flush("a:1|c")
		d.expect("and back", "two 1")
		if d.store.frozen {
			t.Error("names are never forgotten again")
		}
	})
}

// changed returns a Sink with another mapping.
func (d *daemon) changed(cfg Config, mapping string) *Sink {
	d.t.Helper()
	if err := os.WriteFile(cfg.Mapping, []byte(mapping), 0o600); err != nil {
		d.t.Fatal(err)
	}
	next, err := New(cfg, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	return next
}

// TestReloadWhileNamesCome receives new names during a reload. The store numbers its names, and the new names get the
// numbers of removed names.
func TestReloadWhileNamesCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := mapped(t, "mappings:\n- {match: 'a.*', name: a, ttl: 1s}\n- {match: '*', name: rest, labels: {of: '$1'}}")
		d := startDaemon(t, cfg) // the test starts the reload goroutine later
		d.flush(append(lines(10, "a.%d:1|c"), "k:1|c")...)
		time.Sleep(2 * time.Second)
		d.flush("k:1|c") // 10 numbers of removed names are now free
		d.Reload(d.changed(cfg, "mappings:\n- {match: '*', name: rest, labels: {of: 'x$1'}}\n- {match: 'k', name: k}"))
		d.flush(append(lines(20, "n%d:1|c"), "k:1|c")...)
		d.expect("old rules until the names are mapped", append(lines(20, `rest{of="n%d"} 1`), `rest{of="k"} 3`)...)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); d.reloads.run(ctx) }()
		synctest.Wait()
		d.flush()
		d.expect("nothing continues")
		d.flush(append(lines(20, "n%d:1|c"), "k:1|c")...)
		d.expect("new rules", append(lines(20, `rest{of="xn%d"} 1`), `rest{of="xk"} 1`)...)
		stop()
		<-ended
	})
}
