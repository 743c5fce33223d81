package probe

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

// traffic feeds events to the Looks of some lanes in virtual time, and keeps the true counts.
type traffic struct {
	looks []*Look
	lanes []*Lane
	now   time.Time
	began time.Time
	ends  time.Time

	work, cost time.Duration       // sums over all lanes
	truth      map[string]*float64 // true counts by name
	samples    int
}

const (
	sampleWork = 100 * time.Nanosecond // assumed cost of parsing and adding a sample
	sampleCost = 60 * time.Nanosecond  // assumed cost of examining a sample
)

func newTraffic(looks []*Look, lasts time.Duration) *traffic {
	t := &traffic{looks: looks, began: time.Unix(1_000_000, 0), truth: map[string]*float64{}}
	t.now, t.ends = t.began, t.began.Add(lasts)
	for i, k := range looks {
		k.ends = t.ends
		l := NewLane(t.now)
		l.pace.random = uint64(i)*2 + 12345
		l.Add(k)
		t.lanes = append(t.lanes, l)
	}
	return t
}

// topTraffic returns a traffic that feeds the Looks of a TopQuery.
func topTraffic(t *testing.T, q TopQuery, lanes int) *traffic {
	t.Helper()
	looks, err := NewTop(q, metric.NameForm{}, lanes, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return newTraffic(looks, time.Hour)
}

// topLook returns the Look of a TopQuery for one lane.
func topLook(t *testing.T, q TopQuery, ends time.Time) *Look {
	t.Helper()
	looks, err := NewTop(q, metric.NameForm{}, 1, ends)
	if err != nil {
		t.Fatal(err)
	}
	return looks[0]
}

// batch gives one lane a batch of events.
func (t *traffic) batch(lane int, events []Event) {
	l := t.lanes[lane]
	looks := l.Begin(t.now, true)
	cost := time.Duration(0)
	if looks {
		for i := range events {
			l.Note(&events[i])
		}
		cost = time.Duration(len(events)) * sampleCost
		l.Spent(cost)
	}
	work := time.Duration(len(events)) * sampleWork
	t.now = t.now.Add(work + cost)
	l.End(t.now, len(events))
	t.work, t.cost, t.samples = t.work+work, t.cost+cost, t.samples+len(events)
	for i := range events {
		n := t.truth[string(events[i].Name)]
		if n == nil {
			n = new(float64)
			t.truth[string(events[i].Name)] = n
		}
		*n++
	}
}

func (t *traffic) span() Span { return Span{t.began, t.now} }

// rate returns the true rate of a name.
func (t *traffic) rate(key string) float64 {
	return *t.truth[key] / t.now.Sub(t.began).Seconds()
}

// hottest returns the names with the highest counts.
func (t *traffic) hottest(n int) []string {
	keys := make([]string, 0, len(t.truth))
	for k := range t.truth {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return int(*t.truth[b] - *t.truth[a]) })
	return keys[:min(n, len(keys))]
}

func (t *traffic) checkCost(tb testing.TB) {
	tb.Helper()
	if share := float64(t.cost) / float64(t.work); share > 0.065 { // more than the usual 5 %, because the first batches cost more than later ones
		tb.Errorf("looking cost %.1f %% of the work", 100*share)
	}
}

// nameCache holds names by their number.
type nameCache map[uint64][]byte

func (c nameCache) name(n uint64) []byte {
	if c[n] == nil {
		c[n] = fmt.Appendf(nil, "app.requests.of_%d", n)
	}
	return c[n]
}

// The traffic has 50,000 names with a Zipf distribution. The 10 names with the most samples are
// among the first 12 rows, with correct rates and errors. Examining costs at most 5 %. Datagrams
// contain several samples, of one name or of many names.
func TestTopOfZipf(t *testing.T) {
	for _, alike := range []int{1, 4} { // number of successive samples of one name
		for _, skew := range []float64{1.1, 1.6} {
			t.Run(fmt.Sprintf("alike=%d/skew=%v", alike, skew), func(t *testing.T) {
				const lanes = 4
				r := rand.New(rand.NewPCG(uint64(alike), uint64(skew*100)))
				zipf := rand.NewZipf(r, skew, 4, 50_000)
				q, names := TopQuery{By: ByName}, nameCache{}
				feed := topTraffic(t, q, lanes)
				events := make([]Event, 0, 2048)
				for feed.samples < max(soak.Times(1_000_000), 400_000) {
					events = events[:0]
					for range 1 + r.IntN(64) {
						n := zipf.Uint64()
						e := Event{Kind: metric.Kind(n % 3), Name: names.name(n)}
						for range alike {
							events = append(events, e)
						}
					}
					feed.batch(r.IntN(lanes), events)
				}
				top := TopOf(q, feed.looks, metric.NameForm{}, feed.span())
				checkTop(t, feed, top)
				feed.checkCost(t)
				if top.Every < 2 || top.Seen == 0 || top.Seen*uint64(top.Every) > 2*top.Of || top.Of != uint64(feed.samples) {
					t.Errorf("%d of %d samples were inspected, one in %d; %d were sent", top.Seen, top.Of, top.Every, feed.samples)
				}
			})
		}
	}
}

// checkTop checks that the 10 names with the most samples are among the first 12 rows.
func checkTop(t *testing.T, feed *traffic, top *Top) {
	t.Helper()
	first := map[string]Row{}
	for _, row := range top.Rows[:min(12, len(top.Rows))] {
		first[row.Name] = row
	}
	for i, key := range feed.hottest(10) {
		row, ok := first[key]
		rate := feed.rate(key)
		if !ok {
			t.Errorf("number %d, %s, is missing", i+1, key)
			continue
		}
		if math.Abs(row.Rate-rate) > row.Error {
			t.Errorf("%s: %.0f/s +- %.0f, in truth %.0f/s", key, row.Rate, row.Error, rate)
		}
		if row.Error > row.Rate/2 {
			t.Errorf("%s: the error of %.0f/s +- %.0f is too large", key, row.Rate, row.Error)
		}
		if want := *feed.truth[key] / float64(feed.samples); math.Abs(row.Share-want) > row.Error/row.Rate*row.Share+1e-9 {
			t.Errorf("%s: share %v, want %v", key, row.Share, want)
		}
	}
	known := map[string]bool{}
	for _, row := range top.Rows {
		known[row.Name] = true
	}
	for _, key := range feed.hottest(200) {
		if rate := feed.rate(key); !known[key] && rate > top.UnseenBelow {
			t.Errorf("%s was not seen: %v/s, but nothing above %v should be missing", key, rate, top.UnseenBelow)
		}
	}
}

// Over many runs, few reported rates differ from the true rates by more than the reported error.
func TestErrorsHold(t *testing.T) {
	wrong, rows := 0, 0
	for run := range soak.Times(15) {
		r := rand.New(rand.NewPCG(uint64(run), 7))
		zipf, names := rand.NewZipf(r, 1.2, 10, 10_000), nameCache{}
		feed := topTraffic(t, TopQuery{By: ByName}, 2)
		for feed.samples < 60_000 {
			events := make([]Event, 1+r.IntN(100))
			for i := range events {
				events[i].Name = names.name(zipf.Uint64())
			}
			feed.batch(r.IntN(2), events)
		}
		top := TopOf(TopQuery{By: ByName}, feed.looks, metric.NameForm{}, feed.span())
		for _, row := range top.Rows[:20] {
			rows++
			if math.Abs(row.Rate-feed.rate(row.Name)) > row.Error {
				wrong++
			}
		}
	}
	if wrong*100 > rows*2 {
		t.Errorf("%d of %d rates are not within their errors", wrong, rows)
	}
}

// A lane with little work examines all samples, so its rates are exact.
func TestQuietTrafficIsExact(t *testing.T) {
	q := TopQuery{By: ByPrefix}
	feed := topTraffic(t, q, 2)
	for i := range 5000 {
		feed.now = feed.now.Add(time.Millisecond)
		feed.batch(i%2, []Event{{Name: fmt.Appendf(nil, "a.b.c%d", i)}, {Name: []byte("a.b c"), Kind: metric.Gauge}, {Name: []byte("x")},
			{Name: []byte("bad"), Reason: metric.BadValue}})
	}
	top := TopOf(q, feed.looks, metric.NameForm{}, feed.span())
	if top.Every != 1 || top.Seen != 20_000 || top.Of != 20_000 || top.UnseenBelow != 0 {
		t.Errorf("%d of %d samples were inspected, one in %d, unseen below %v", top.Seen, top.Of, top.Every, top.UnseenBelow)
	}
	seconds := feed.span().seconds()
	for i, want := range []string{"a.b.", "a.b_c", "x"} {
		if row := top.Rows[i]; row.Name != want || math.Abs(row.Rate*seconds-5000) > 1e-6 || row.Error != 0 || row.Share != 0.25 {
			t.Errorf("row %d is %+v, want %s with %v/s", i, row, want, 5000/seconds)
		}
	}
	if len(top.Rows) != 3 {
		t.Errorf("got %d rows", len(top.Rows))
	}
}

// If there are more names than a top query can count (maxCounters), the reported bounds are still correct.
func TestTopOfTooManyNames(t *testing.T) {
	q := TopQuery{By: ByName}
	r := rand.New(rand.NewPCG(1, 2))
	feed := topTraffic(t, q, 2)
	for feed.samples < soak.Times(200_000) {
		feed.now = feed.now.Add(10 * time.Millisecond) // at this rate every batch is examined
		events := make([]Event, 100)
		for i := range events {
			if events[i].Name = fmt.Appendf(nil, "new%d", feed.samples+i); r.IntN(10) == 0 {
				events[i].Name = fmt.Appendf(nil, "hot%d", r.IntN(10))
			}
		}
		feed.batch(r.IntN(2), events)
	}
	top := TopOf(q, feed.looks, metric.NameForm{}, feed.span())
	checkTop(t, feed, top)
	if top.Forgotten == 0 || top.UnseenBelow == 0 {
		t.Errorf("%d forgotten, unseen below %v", top.Forgotten, top.UnseenBelow)
	}
}

func TestTopByKindAndSender(t *testing.T) {
	sender := func(host, port int) meta.Sender {
		return meta.SenderAt(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(host)}), uint16(port)))
	}
	for _, tt := range []struct {
		by   By
		want []string
	}{
		{ByKind, []string{" counter 3", " timer 2", " set 1"}},
		{BySender, []string{"10.0.0.1 tcp 3", "10.0.0.1 udp 2", " pipe 1", "10.0.0.2 udp 1"}},
	} {
		q := TopQuery{By: tt.by}
		feed := topTraffic(t, q, 1)
		feed.batch(0, []Event{
			{Name: []byte("a"), Kind: metric.Counter, Sender: sender(1, 5), Over: TCP},
			{Name: []byte("b"), Kind: metric.Counter, Sender: sender(1, 6), Over: TCP},
			{Name: []byte("b"), Kind: metric.Timer, Sender: sender(1, 7), Over: TCP},
			{Name: []byte("c"), Kind: metric.Timer, Sender: sender(1, 7)},
			{Name: []byte("c"), Kind: metric.Set, Sender: sender(1, 8)},
			{Name: []byte("d"), Kind: metric.Counter, Over: Pipe},
			{Name: []byte("d"), Reason: metric.BadType, Sender: sender(2, 8)},
		})
		var got []string
		for _, row := range TopOf(q, feed.looks, metric.NameForm{}, feed.span()).Rows {
			over := ""
			if tt.by == BySender {
				over = row.Over.String()
			}
			got = append(got, fmt.Sprintf("%s %s %.0f", row.Name, row.Kind+over, row.Rate*feed.span().seconds()))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("by %s: %q, want %q", tt.by, got, tt.want)
		}
	}
}

// A lane removes a Look at the end of the Look's time. It keeps other Looks.
func TestDeadline(t *testing.T) {
	now := time.Unix(1000, 0)
	l := NewLane(now)
	short, long := topLook(t, TopQuery{By: ByKind}, now.Add(time.Second)), topLook(t, TopQuery{By: BySender}, now.Add(time.Minute))
	l.Add(short)
	l.Add(long)
	batch := func() {
		if l.Begin(now, true) {
			l.Note(&Event{Name: []byte("a")})
		}
		l.End(now, 1)
	}
	batch()
	if now = now.Add(time.Second - 1); !l.Asks() {
		t.Error("the lane does not ask for senders")
	}
	batch()
	now = now.Add(1)
	batch()
	if short.seen != 2 || long.seen != 3 || l.Empty() {
		t.Errorf("the looks have seen %d and %d samples", short.seen, long.seen)
	}
	now = now.Add(time.Minute)
	batch()
	if long.seen != 3 || !l.Empty() {
		t.Errorf("the lane is not empty; %d samples were seen", long.seen)
	}
	l.Add(short)
	l.Remove(short)
	if !l.Empty() {
		t.Error("a Look is still there")
	}
}

// A Look that needs senders skips batches without senders. It still counts the samples in them.
func TestNeedsSenders(t *testing.T) {
	now := time.Unix(1000, 0)
	l := NewLane(now)
	k := topLook(t, TopQuery{By: BySender}, now.Add(time.Minute))
	l.Add(k)
	for _, asked := range []bool{false, false, true} {
		if got := l.Begin(now, asked); got != asked {
			t.Errorf("looks: %v", got)
		}
		l.End(now, 10)
	}
	if k.of != 30 || k.seen != 10 {
		t.Errorf("%d of %d", k.seen, k.of)
	}
}
