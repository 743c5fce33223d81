package influxdb

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
)

func payload(s *Sink, rows ...*metric.Row) (b []byte) {
	for _, r := range rows {
		b = s.AppendRow(b, r)
	}
	return b
}

// TestRealInfluxDB sends payloads to a real InfluxDB. InfluxDB must store the values, report a missing database,
// and store the valid lines of a payload that also has invalid lines.
func TestRealInfluxDB(t *testing.T) {
	db := counterpart.StartInfluxDB(t)
	s := newSink(t, Config{Addr: db.Addr, Database: "statsd"})
	now := time.Now().Unix()
	at := func(name, tags string, stats ...metric.Stat) *metric.Row {
		return &metric.Row{Name: []byte(name), Tags: []byte(tags), Time: now, Stats: stats}
	}
	first := payload(s, at("a.b", ";host=x y;zone==,", metric.Stat{Name: "rate", Value: 0.1}, metric.Stat{Name: "count", Value: 3}), at("c d", `;k=v\`, metric.Stat{Name: "value", Value: -1e-9}), at("t", ";time=9", metric.Stat{Name: "value", Value: 7}))

	err := s.Send(t.Context(), first)
	if refused := (*sink.Refused)(nil); err == nil || errors.As(err, &refused) || !strings.Contains(err.Error(), "database not found") {
		t.Fatalf("without the database: %v, want an error that is not final", err)
	}
	db.Query("", "CREATE DATABASE statsd")
	if err := s.Send(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]map[string]any{
		`SELECT * FROM "a.b"`: {"measurement": "a.b", "time": float64(now), "host": "x y", "zone": "=,", "rate": 0.1, "count": 3.0},
		`SELECT * FROM "c d"`: {"measurement": "c d", "time": float64(now), "k": "v/", "value": -1e-9},
		`SELECT * FROM "t"`:   {"measurement": "t", "time": float64(now), "time_": "9", "value": 7.0},
	} {
		if rows := db.Query("statsd", query); len(rows) != 1 || !maps.Equal(rows[0], want) {
			t.Errorf("%s: %v, want %v", query, rows, want)
		}
	}

	conflict := []byte(fmt.Sprintf("n value=1i %d\n", now-9))
	if err := s.Send(t.Context(), conflict); err != nil {
		t.Fatal(err)
	}
	err = s.Send(t.Context(), payload(s, at("good", "", metric.Stat{Name: "value", Value: 1}), at("n", "", metric.Stat{Name: "value", Value: 1}), at("good2", "", metric.Stat{Name: "value", Value: 1})))
	refused, ok := errors.AsType[*sink.Refused](err)
	if !ok || refused.Units != 1 {
		t.Fatalf("a conflict of types: %v, want 1 unit refused", err)
	}
	if rows := db.Query("statsd", `SELECT * FROM good, good2`); len(rows) != 2 {
		t.Errorf("the good lines beside a bad one: %v", rows)
	}
	err = s.Send(t.Context(), []byte(fmt.Sprintf("good value=2 %d\nwhat is this\nand this\n", now-20)))
	if refused, ok := errors.AsType[*sink.Refused](err); !ok || refused.Units != 2 {
		t.Errorf("two lines that it cannot parse: %v, want 2 units refused", err)
	}
}

// TestRealVictoriaMetrics checks that VictoriaMetrics accepts the same lines. It stores each field as a series.
func TestRealVictoriaMetrics(t *testing.T) {
	v := counterpart.StartVictoriaMetrics(t)
	s := newSink(t, Config{Addr: v.Addr, Database: "statsd"})
	now := time.Now().Unix()
	if err := s.Send(t.Context(), payload(s, &metric.Row{Name: []byte("hits"), Tags: []byte(";host=a"), Time: now, Stats: []metric.Stat{{Name: "rate", Value: 3.5}}})); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "the series is not there", func() bool {
		found := v.Export(`hits_rate{host="a"}`)
		return len(found) == 1 && len(found[0].Values) == 1 && found[0].Values[0] == 3.5 && found[0].Timestamps[0] == now*1000
	})
}
