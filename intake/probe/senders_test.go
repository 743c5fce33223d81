package probe

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

func sender(host, port int) meta.Sender {
	return meta.SenderAt(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(host >> 8), byte(host)}), uint16(port)))
}

// datagram returns events for some samples of one sender.
func datagram(from meta.Sender, names ...string) (events []Event) {
	for _, n := range names {
		events = append(events, Event{Name: []byte(n), Line: []byte(n + ":1|c"), Sender: from})
	}
	return events
}

// The only sender of bad lines comes first in the answer, with one of its bad lines, even if nine
// other senders send more.
func TestBadSenderComesFirst(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	looks, err := NewSenders(SendersQuery{}, metric.NameForm{}, 4, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	feed := newTraffic(looks, time.Hour)
	for i := range 10_000 {
		var batch []Event
		for range 1 + r.IntN(20) {
			host := 1 + r.IntN(10)*r.IntN(2)
			d := datagram(sender(host, 1000+i%100), fmt.Sprintf("app%d.hits", host), "common.hits", fmt.Sprintf("app%d.hits", host))
			if host == 7 && r.IntN(20) == 0 {
				d = []Event{{Name: []byte("php.err"), Line: []byte("php.err:1,5|ms"), Reason: metric.BadValue, At: 8, Sender: sender(7, 1), Arrived: int64(i)}}
			}
			batch = append(batch, d...)
		}
		feed.batch(r.IntN(4), batch)
	}
	got := SendersOf(looks, metric.NameForm{}, feed.span())
	feed.checkCost(t)
	first := got.Rows[0]
	if first.Name != "10.0.0.7" || first.Over != UDP || first.Bad == 0 || first.Reason != metric.BadValue || string(first.LastBad) != "php.err:1,5|ms" {
		t.Errorf("first comes %+v", first)
	}
	if n := len(got.Rows); n != 10 {
		t.Errorf("%d senders, want 10: ports do not count", n)
	}
	for i, row := range got.Rows {
		if i > 0 && row.Bad > 0 {
			t.Errorf("%s sent no bad lines: %+v", row.Name, row)
		}
		if want := "app" + row.Name[len("10.0.0."):] + ".hits"; row.Most != want {
			t.Errorf("%s sends %s most, want %s", row.Name, row.Most, want)
		}
	}
}

// The answer contains each sender of more than 5 % of a name's samples. The rates are correct
// within their errors.
func TestSendersOfName(t *testing.T) {
	for _, pattern := range []string{"checkout.pay.ms", "checkout.*", "*pay*", "checkout pay/ms"} {
		t.Run(pattern, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 4))
			wanted := "checkout.pay.ms"
			if pattern == "checkout pay/ms" {
				wanted = "checkout pay/ms"
			}
			looks, err := NewSenders(SendersQuery{Match: pattern}, metric.NameForm{}, 2, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			feed := newTraffic(looks, time.Hour)
			truth, all := map[string]float64{}, 0.0
			for range soak.Times(8_000) {
				var batch []Event
				for range 1 + r.IntN(20) {
					host := 1 + int(math.Abs(r.NormFloat64())*6) // a few hosts send most of the samples
					d := datagram(sender(host, 5), "other.name", wanted, "another.name")
					batch, all = append(batch, d...), all+1
					truth[string(d[0].Sender.AppendHost(nil))]++
				}
				feed.batch(r.IntN(2), batch)
			}
			got := SendersOf(looks, metric.NameForm{}, feed.span())
			rows := map[string]Sender{}
			for _, row := range got.Rows {
				rows[row.Name] = row
			}
			seconds := feed.span().seconds()
			for host, n := range truth {
				row, ok := rows[host]
				if n/all < 0.05 {
					continue
				}
				if !ok || math.Abs(row.Rate-n/seconds) > row.Error || math.Abs(row.Share-n/all) > 0.03 || row.Most != kept(metric.NameForm{}, []byte(wanted)) {
					t.Errorf("%s: %+v, in truth %.0f/s, share %.3f", host, row, n/seconds, n/all)
				}
			}
		})
	}
}

// With many more senders than a lane can count, the answer still contains the senders with the most
// samples, and the bounds are correct.
func TestTooManySenders(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	looks, err := NewSenders(SendersQuery{}, metric.NameForm{}, 1, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	feed := newTraffic(looks, time.Hour)
	truth := map[string]float64{}
	for range 10_000 {
		feed.now = feed.now.Add(10 * time.Millisecond)
		host := 100 + r.IntN(60_000)
		if r.IntN(4) == 0 {
			host = 1 + r.IntN(5)
		}
		d := datagram(sender(host, 1), "a")
		truth[string(d[0].Sender.AppendHost(nil))]++
		feed.batch(0, d)
	}
	got := SendersOf(looks, metric.NameForm{}, feed.span())
	if len(got.Rows) != maxSenders || got.Forgotten == 0 {
		t.Errorf("%d senders, %d forgotten", len(got.Rows), got.Forgotten)
	}
	for _, row := range got.Rows[:5] {
		if want := truth[row.Name] / feed.span().seconds(); want*20 < 1 || math.Abs(row.Rate-want) > row.Error+1e-9 {
			t.Errorf("%+v, in truth %v/s", row, want)
		}
	}
}

func TestBadQueries(t *testing.T) {
	if _, err := NewSenders(SendersQuery{Match: "["}, metric.NameForm{}, 1, time.Time{}); err == nil {
		t.Error("[ is taken for a glob")
	}
	for _, q := range []TailQuery{{Match: `\`}, {Sender: "10.0.0"}, {Sender: "web-3"}, {Sender: "10.0.0.0/33"}} {
		if _, err := NewTailLooks(q, metric.NameForm{}, 1, time.Time{}); err == nil {
			t.Errorf("%+v is taken", q)
		}
	}
}

func TestMatcher(t *testing.T) {
	for _, tt := range []struct {
		pattern, name string
		tagged, want  bool
	}{
		{"", "a", false, true},
		{"*", "", false, true},
		{"a.b", "a.b", false, true},
		{"a.b", "a.bc", false, false},
		{"a.*", "a.b", false, true},
		{"a.*", "ab", false, false},
		{"a_b", "a b", false, true},
		{"a b", "a b", false, true},
		{"a-*", "a/x y", false, true},
		{"a/*", "a/x y", false, true},
		{"*.ms", "a.b.ms", false, true},
		{"a[bc]", "ab", false, true},
		{"a.b", "a.b;host=x", true, true},
		{"a.b;host=*", "a.b;host=x", true, true},
		{"a.*", "a.b;host=x", true, true},
		{"*host=y", "a.b;host=x", true, false},
		{"a_b", "a b;host=x", true, true},
	} {
		m, err := newMatcher(tt.pattern, metric.NameForm{Tagged: tt.tagged})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got := m.match([]byte(tt.name)); got != tt.want {
				t.Errorf("%q of %q: %v", tt.pattern, tt.name, got)
			}
		}
	}
}
