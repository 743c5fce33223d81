package partial

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/metric"
)

const end = 1795251860e9

func newEncoder(t testing.TB, partitions int) *Encoder {
	t.Helper()
	e, err := NewEncoder("edge-1", 1795251000e9, partitions)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// message is an encoded message.
type message struct {
	Header
	bytes []byte
}

func encode(e *Encoder, iv Interval, rows ...aggregate.Row) (all []message) {
	r := NewRows(e.partitions)
	r.Begin(iv.End)
	for i := range rows {
		r.Add(&rows[i])
	}
	e.Encode(iv, r, func(h Header, b []byte) { all = append(all, message{h, slices.Clone(b)}) })
	return all
}

// clone returns a deep copy of a row.
func clone(r *aggregate.Row) aggregate.Row {
	c := *r
	c.Name = slices.Clone(r.Name)
	c.Adjustments, c.Samples, c.Members = slices.Clone(r.Adjustments), slices.Clone(r.Samples), slices.Clone(r.Members)
	if r.Sketch != nil {
		s := *r.Sketch
		s.Negative, s.Positive = slices.Clone(s.Negative), slices.Clone(s.Positive)
		c.Sketch = &s
	}
	return c
}

func decode(t testing.TB, m []byte) (h Header, rows []aggregate.Row) {
	t.Helper()
	h, body, err := Open(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := NewDecoder().Rows(&body, func(r *aggregate.Row) { rows = append(rows, clone(r)) }); err != nil {
		t.Fatal(err)
	}
	return h, rows
}

// normal sorts the samples, members and adjustments of a row, because rows with different orders
// are equal.
func normal(r aggregate.Row) aggregate.Row {
	r = clone(&r)
	slices.Sort(r.Samples)
	slices.Sort(r.Members)
	slices.SortFunc(r.Adjustments, func(a, b aggregate.GaugeChange) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Value, b.Value))
	})
	if len(r.Samples) == 0 {
		r.Samples = nil
	}
	if len(r.Members) == 0 {
		r.Members = nil
	}
	if len(r.Adjustments) == 0 {
		r.Adjustments = nil
	}
	return r
}

// randomValue returns a random value. It covers each form of value that the encoding treats
// differently.
func randomValue(random *rand.Rand) float64 {
	switch random.IntN(7) {
	case 0:
		return float64(random.IntN(10))
	case 1:
		return -float64(random.IntN(1 << 30))
	case 2:
		return float64(random.IntN(1e6)) / 1000
	case 3:
		return random.NormFloat64() * math.Pow(10, float64(random.IntN(600)-300))
	case 4:
		return math.Copysign(0, -1)
	case 5:
		return 1<<53 + float64(random.IntN(8))*2
	default:
		return 0.1 + 0.2
	}
}

func randomRow(random *rand.Rand, i int) aggregate.Row {
	r := aggregate.Row{Kind: metric.Kind(random.IntN(metric.Kinds)), Name: []byte(fmt.Sprintf("web.%d.requests-%d", random.IntN(3), i))}
	switch r.Kind {
	case metric.Counter:
		r.Value = randomValue(random)
	case metric.Gauge:
		if random.IntN(2) == 0 {
			r.Set = aggregate.GaugeChange{At: end - random.Int64N(2e10) + 1e9, Value: randomValue(random)}
		}
		for range random.IntN(4) {
			r.Adjustments = append(r.Adjustments, aggregate.GaugeChange{At: end - random.Int64N(1e10), Value: randomValue(random)})
		}
	case metric.Timer:
		r.Millis, r.Weight = random.IntN(2) == 0, randomValue(random)
		whole := random.IntN(2) == 0
		for range random.IntN(50) {
			v := randomValue(random)
			if whole {
				v = float64(random.IntN(100000)) / powers[random.IntN(4)]
			}
			r.Samples = append(r.Samples, v)
		}
		if random.IntN(3) == 0 {
			r.Sketch = &aggregate.Sketch{
				Count: random.IntN(1000), Zero: 2, Lower: -1, Upper: randomValue(random), Sum: [2]float64{1, 1e-17}, Squares: [2]float64{math.Inf(1), 0}, Origin: randomValue(random),
				Negative: []aggregate.SketchBin{{Index: -5, Count: 1}}, Positive: []aggregate.SketchBin{{Index: -30000, Count: 0.5}, {Index: 7, Count: 3}, {Index: 8, Count: 1e10}},
			}
		}
	default:
		for range 1 + random.IntN(30) {
			r.Members = append(r.Members, random.Uint64())
		}
	}
	return r
}

// Each row is decoded with exactly the same values, in the right partition.
func TestRoundTrip(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range soak.Times(200) {
		partitions := 1 << random.IntN(5)
		e := newEncoder(t, partitions)
		want := map[string]aggregate.Row{}
		var rows []aggregate.Row
		for i := range random.IntN(200) {
			r := randomRow(random, i)
			rows = append(rows, r)
			want[fmt.Sprint(r.Kind, string(r.Name))] = normal(r)
		}
		iv := Interval{Number: uint64(round + 1), End: end, Samples: 12345}
		samples := uint64(0)
		for _, m := range encode(e, iv, rows...) {
			h, got := decode(t, m.bytes)
			if h != m.Header || h.Edge != "edge-1" || h.Number != iv.Number || h.End != end || h.Rows != len(got) {
				t.Fatalf("header %+v, want %+v", h, m.Header)
			}
			samples += h.Samples
			for _, r := range got {
				key := fmt.Sprint(r.Kind, string(r.Name))
				if PartitionOf(r.Name, partitions) != h.Partition {
					t.Fatalf("%s is in partition %d", key, h.Partition)
				}
				if !reflect.DeepEqual(bitsOf(normal(r)), bitsOf(want[key])) {
					t.Fatalf("got  %+v\nwant %+v", normal(r), want[key])
				}
				delete(want, key)
			}
		}
		if len(want) > 0 || samples != iv.Samples {
			t.Fatalf("%d rows are missing; %d samples", len(want), samples)
		}
	}
}

// bitsOf returns a row as text. In this text, -0 differs from 0.
func bitsOf(r aggregate.Row) string {
	sketch := r.Sketch
	r.Sketch = nil
	return fmt.Sprintf("%+v %x %+v", r, r.Samples, sketch)
}

// Rows that are too large for one message are split into parts. Each part fits into a message, and
// together the parts contain all values.
func TestParts(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	e := newEncoder(t, 1)
	set := aggregate.Row{Kind: metric.Set, Name: []byte("u")}
	for range 300_000 {
		set.Members = append(set.Members, random.Uint64())
	}
	timer := aggregate.Row{Kind: metric.Timer, Name: []byte("t"), Weight: 5e5}
	for range 250_000 {
		timer.Samples = append(timer.Samples, random.Float64())
	}
	want := len(set.Members) + len(timer.Samples)
	got, weight := 0, 0.0
	all := encode(e, Interval{Number: 1, End: end}, set, timer, aggregate.Row{Kind: metric.Counter, Name: []byte("c"), Value: 1})
	for i, m := range all {
		if len(m.bytes) > MaxMessage || m.Part != i || m.Parts != len(all) {
			t.Errorf("part %d of %d has %d bytes; it says %d of %d", i, len(all), len(m.bytes), m.Part, m.Parts)
		}
		_, rows := decode(t, m.bytes)
		for _, r := range rows {
			got += len(r.Members) + len(r.Samples)
			weight += r.Weight
		}
	}
	if got != want || weight != 5e5 || len(all) < 4 {
		t.Errorf("%d parts have %d members and samples with weight %v, want %d", len(all), got, weight, want)
	}
}

// An edge without rows sends a message for each partition.
func TestEmpty(t *testing.T) {
	all := encode(newEncoder(t, 16), Interval{Number: 7, End: end, Samples: 3})
	if len(all) != 16 {
		t.Fatalf("%d messages, want 16", len(all))
	}
	samples := uint64(0)
	for p, m := range all {
		h, rows := decode(t, m.bytes)
		samples += h.Samples
		if h.Partition != p || h.Number != 7 || len(rows) != 0 {
			t.Errorf("%+v, %v", h, rows)
		}
	}
	if samples != 3 {
		t.Errorf("%d samples, want 3", samples)
	}
}

// A message with one inverted bit, or truncated at any position, is refused. If the message has
// another version, the error contains the version.
func TestDamaged(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	var rows []aggregate.Row
	for i := range 20 {
		rows = append(rows, randomRow(random, i))
	}
	whole := encode(newEncoder(t, 1), Interval{Number: 1, End: end}, rows...)[0].bytes
	for i := range whole {
		for bit := range 8 {
			b := slices.Clone(whole)
			b[i] ^= 1 << bit
			_, _, err := Open(b)
			if !errors.Is(err, ErrDamaged) {
				t.Fatalf("bit %d of byte %d flipped: %v", bit, i, err)
			}
		}
		if _, _, err := Open(whole[:i]); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
}

// A reader can read its own version and the previous version. For any other version, the error
// contains the version.
func TestVersions(t *testing.T) {
	m := encode(newEncoder(t, 1), Interval{Number: 1, End: end})[0].bytes
	for version := range byte(Version + 3) {
		m[2] = version
		body := len(m) - 4
		binary.LittleEndian.PutUint32(m[body:], crc32.Checksum(m[:body], castagnoli))
		_, _, err := Open(m)
		unknown, refused := errors.AsType[*VersionError](err)
		if reads := version >= max(1, Version-1) && version <= Version; reads != (err == nil) || !reads && (!refused || unknown.Version != version || unknown.Newer() != (version > Version)) {
			t.Errorf("version %d: %v", version, err)
		}
	}
}

// If rows are sent as messages and merged, the points are the same as in a single table.
func TestTables(t *testing.T) {
	config := aggregate.Config{Shards: 1, MaxNames: 1000, MaxNameLength: 100, MaxSetMembers: 1000, MaxTimerSamples: 1000, MemberKey: [16]byte{1}, Expire: [metric.Kinds]uint32{1, 1, 1, 1}}
	random := rand.New(rand.NewPCG(7, 8))
	edges := []*aggregate.Table{aggregate.NewTable(config), aggregate.NewTable(config), aggregate.NewTable(config)}
	one, owner := aggregate.NewTable(config), aggregate.NewTable(config)
	add := func(table *aggregate.Table, s metric.Sample) {
		shard := table.Shard(0)
		shard.Lock()
		defer shard.Unlock()
		if reason := shard.Add(&s); reason != metric.None {
			t.Fatal(reason)
		}
	}
	for i := range 5000 {
		s := metric.Sample{
			Kind: metric.Kind(random.IntN(metric.Kinds)), Name: []byte(fmt.Sprintf("n%d", random.IntN(40))),
			Value: float64(random.IntN(1000)), Weight: 1, At: end - 1e9 + int64(i)*1000,
		}
		if s.Kind == metric.Set {
			s.Member = []byte(fmt.Sprint(random.IntN(50)))
		}
		s.Delta = s.Kind == metric.Gauge && random.IntN(2) == 0
		add(one, s)
		add(edges[random.IntN(3)], s)
	}
	for _, edge := range edges {
		e := newEncoder(t, 4)
		rows := NewRows(4)
		rows.Begin(end)
		edge.Drain(nil).Rows(rows.Add)
		e.Encode(Interval{Number: 1, End: end}, rows, func(_ Header, m []byte) {
			_, body, err := Open(m)
			if err != nil {
				t.Fatal(err)
			}
			shard := owner.Shard(0)
			shard.Lock()
			defer shard.Unlock()
			if err := NewDecoder().Rows(&body, func(r *aggregate.Row) {
				if reason := shard.Merge(r); reason != metric.None {
					t.Errorf("%s: %v", r.Name, reason)
				}
			}); err != nil {
				t.Fatal(err)
			}
		})
	}
	points := func(table *aggregate.Table) map[string]float64 {
		all := map[string]float64{}
		layout := aggregate.Etsy.Layout()
		layout.KeepGauges, layout.IdleZeros = false, false
		for p := range table.Drain(nil).Summarize(layout, 1).Points() {
			all[string(p.Path)] = p.Value
		}
		return all
	}
	if got, want := points(owner), points(one); !reflect.DeepEqual(got, want) {
		t.Errorf("%d points, want %d; they differ", len(got), len(want))
	}
}

// No input causes a panic. Decoding never takes much more memory than the size of the message.
func FuzzRows(f *testing.F) {
	random := rand.New(rand.NewPCG(9, 10))
	for range 10 {
		var rows []aggregate.Row
		for i := range 5 {
			rows = append(rows, randomRow(random, i))
		}
		r := NewRows(1)
		r.Begin(end)
		for i := range rows {
			r.Add(&rows[i])
		}
		f.Add(r.cut[0].appendBody(nil), 5)
	}
	table := aggregate.NewTable(aggregate.Config{Shards: 1, MaxNames: 100, MaxNameLength: 100, MaxSetMembers: 100, MaxTimerSamples: 100, Expire: [metric.Kinds]uint32{1, 1, 1, 1}})
	decoder := NewDecoder()
	f.Fuzz(func(_ *testing.T, body []byte, rows int) {
		b := Body{header: Header{Rows: rows, End: end}, size: len(body), bytes: body}
		shard := table.Shard(0)
		shard.Lock()
		_ = decoder.Rows(&b, func(r *aggregate.Row) { shard.Merge(r) })
		shard.Unlock()
		table.Drain(nil).Summarize(aggregate.Reference.Layout(), 1)
	})
}

// Messages returns the messages of a payload. For a truncated payload it returns an error.
func TestPayload(t *testing.T) {
	var payload []byte
	for _, m := range []string{"first", "", "third"} {
		payload = AppendMessage(payload, []byte(m))
	}
	read := func(payload []byte) (messages []string, err error) {
		for m, fault := range Messages(payload) {
			if fault != nil {
				return messages, fault
			}
			messages = append(messages, string(m))
		}
		return messages, nil
	}
	if got, err := read(payload); err != nil || !slices.Equal(got, []string{"first", "", "third"}) {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := read(payload[:len(payload)-1]); !errors.Is(err, ErrDamaged) || !slices.Equal(got, []string{"first", ""}) {
		t.Errorf("cut: %q, %v", got, err)
	}
}

// The messages of an interval have one unit for each row, and one unit for the interval itself. So an interval without
// rows has one unit.
func TestUnits(t *testing.T) {
	e := newEncoder(t, 8)
	for _, rows := range [][]aggregate.Row{nil, {{Kind: metric.Counter, Name: []byte("a"), Value: 1}, {Kind: metric.Gauge, Name: []byte("b"), Set: aggregate.GaugeChange{At: 1}}}} {
		units := 0
		for _, m := range encode(e, Interval{Number: 1, End: end}, rows...) {
			units += m.Units()
		}
		if units != len(rows)+1 {
			t.Errorf("%d rows count %d", len(rows), units)
		}
	}
}
