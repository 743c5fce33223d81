package spool

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/statsd-ops/statsd/internal/soak"
)

// image contains the files of a spool that was not closed, as if its process was killed.
type image struct {
	files   map[string][]byte // content of the files, indexed by their name
	ends    map[string][]int  // offsets at which the records of each segment end
	first   map[string]int    // number of the first record in each segment
	records int
}

// newImage makes a spool with this number of records and this segment size.
func newImage(t *testing.T, records int, segmentBytes int64) image {
	t.Helper()
	cfg := Config{Dir: t.TempDir()}
	s := open(t, cfg)
	s.cfg.MaxBytes = segmentBytes * segmentsAtLeast
	fill(t, s, 0, records)
	crash(s)
	img := image{map[string][]byte{}, map[string][]int{}, map[string]int{}, records}
	i := 0
	for _, path := range append(segmentFiles(t, cfg.Dir), s.path("position")) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		img.files[name] = data
		if name == "position" {
			continue
		}
		img.first[name] = i
		end := 0
		walk(data, func(h header) {
			end += headerSize + h.size
			img.ends[name] = append(img.ends[name], end)
			i++
		})
	}
	if i != records {
		t.Fatalf("%d records in the files, want %d", i, records)
	}
	return img
}

func (img image) segments() []string { return slices.Sorted(maps.Keys(img.ends)) }

// write writes the files into a new directory. It takes the content of damaged files from the map
// damaged. It does not write a file whose content is nil.
func (img image) write(t *testing.T, dir string, damaged map[string][]byte) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, data := range img.files {
		if d, ok := damaged[name]; ok {
			data = d
		}
		if data == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// readOut opens the spool in dir and reads all records. It fails the test if their numbers differ
// from the parameter want, or if the number of missing points is wrong. It returns the Stats after
// Open.
func readOut(t *testing.T, dir string, want []int, missing uint64) Stats {
	t.Helper()
	s, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer crash(s)
	st := balance(t, s)
	if st.Recovered != uint64(points(want)) || st.Missing != missing {
		t.Fatalf("recovered %d points and missed %d, want %d and %d", st.Recovered, st.Missing, points(want), missing)
	}
	if got := take(t, s, all); !slices.Equal(got, want) {
		t.Fatalf("took %d records, want %d", len(got), len(want))
	}
	balance(t, s)
	if files := segmentFiles(t, dir); len(files) != 0 {
		t.Fatalf("everything was taken, but there are %v", files)
	}
	return st
}

func TestSoakTruncatedAnywhere(t *testing.T) {
	soak.Slow(t)
	img := newImage(t, 16, 32<<10)
	dir := filepath.Join(t.TempDir(), "spool")
	last := img.segments()[len(img.segments())-1]
	data := img.files[last]
	if len(data) < 4<<10 {
		t.Fatalf("the last segment has only %d bytes", len(data))
	}
	for cut := len(data); cut >= len(data)-4<<10; cut -= soak.Pick(7, 1) {
		img.write(t, dir, map[string][]byte{last: data[:cut]})
		whole := 0
		for _, end := range img.ends[last] {
			if end <= cut {
				whole++
			}
		}
		st := readOut(t, dir, span(0, img.first[last]+whole), 0)
		atEnd := cut == 0 || whole > 0 && img.ends[last][whole-1] == cut
		if st.Torn != map[bool]uint64{true: 0, false: 1}[atEnd] || st.Damaged != 0 {
			t.Fatalf("cut at %d: %+v", cut, st)
		}
	}
	soak.Row(t, "spool cut at every byte of its last 4 KB", "starts, all intact records delivered, the incomplete record counted", "the same")
}

func TestSoakFlippedBits(t *testing.T) {
	img := newImage(t, 24, 2<<10)
	dir := filepath.Join(t.TempDir(), "spool")
	random := rand.New(rand.NewPCG(1, 2))
	flips := soak.Pick(100, 1000)
	for range flips {
		name := img.segments()[random.IntN(len(img.segments()))]
		data := slices.Clone(img.files[name])
		at := random.IntN(len(data))
		data[at] ^= 1 << random.IntN(8)
		img.write(t, dir, map[string][]byte{name: data})
		hit, _ := slices.BinarySearch(img.ends[name], at+1)
		hit += img.first[name]
		missing := uint64(record(hit).Points)
		if hit == img.records-1 {
			missing = 0 // no record follows, so the spool cannot know how many points are missing
		}
		st := readOut(t, dir, slices.Concat(span(0, hit), span(hit+1, img.records)), missing)
		if st.Damaged == 0 {
			t.Fatalf("byte %d of %s was changed, but %+v", at, name, st)
		}
		if _, err := os.Stat(filepath.Join(dir, quarantineDir, name)); err != nil {
			t.Fatal(err)
		}
	}
	soak.Row(t, fmt.Sprintf("%d random bits of the spool flipped", flips), "all other records delivered, the damaged record counted exactly, its file moved to the quarantine directory", "the same")
}

func TestDamagedPosition(t *testing.T) {
	img := newImage(t, 24, 2<<10)
	dir := filepath.Join(t.TempDir(), "spool")
	img.write(t, dir, nil)
	s := open(t, Config{Dir: dir})
	take(t, s, 4)
	crash(s)
	data, err := os.ReadFile(s.path("position"))
	if err != nil {
		t.Fatal(err)
	}
	for at := range data {
		damaged := slices.Clone(data)
		damaged[at] ^= 0x10
		img.write(t, dir, map[string][]byte{"position": damaged})
		from := 4
		if at/slotSize == 1 {
			from = 3 // one record is delivered twice
		}
		if slotOf(t, data) == 0 {
			from = 7 - from
		}
		readOut(t, dir, span(from, 24), 0)
	}
	img.write(t, dir, map[string][]byte{"position": nil})
	readOut(t, dir, span(0, 24), 0)
}

// slotOf returns the offset of the valid slot in a position file.
func slotOf(t *testing.T, data []byte) int64 {
	t.Helper()
	path := filepath.Join(t.TempDir(), "position")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := openPosition(path)
	if err != nil {
		t.Fatal(err)
	}
	defer closeFile(&p.file)
	return 1 - p.slot
}

func TestSoakMissingEmptyAndForeignFiles(t *testing.T) {
	img := newImage(t, 24, 2<<10)
	names := img.segments()
	bounds := func(i int) (from, to int) {
		return img.first[names[i]], img.first[names[i]] + len(img.ends[names[i]])
	}
	for i, what := range map[int]string{0: "first", 1: "middle"} {
		for how, data := range map[string][]byte{"deleted": nil, "zero-length": {}, "zeroed": make([]byte, len(img.files[names[i]]))} {
			t.Run(what+" "+how, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "spool")
				img.write(t, dir, map[string][]byte{names[i]: data})
				from, to := bounds(i)
				readOut(t, dir, slices.Concat(span(0, from), span(to, 24)), uint64(points(span(from, to))))
			})
		}
	}
	t.Run("foreign", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "spool")
		img.write(t, dir, nil)
		for _, name := range []string{"notes.txt", "x.spool", "00.spool.bak"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Mkdir(filepath.Join(dir, segmentName(5)), 0o700); err != nil {
			t.Fatal(err)
		}
		s := open(t, Config{Dir: dir})
		if got := take(t, s, all); !slices.Equal(got, span(0, 24)) {
			t.Errorf("took %d records", len(got))
		}
		for _, name := range []string{"notes.txt", "x.spool", "00.spool.bak"} {
			if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("huge", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "spool")
		img.write(t, dir, nil)
		huge := filepath.Join(dir, segmentName(1<<40))
		if err := os.WriteFile(huge, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(huge, 1<<40); err != nil { // make the file very large, as a sparse file
			t.Fatal(err)
		}
		readOut(t, dir, span(0, 24), 0)
	})
	soak.Row(t, "a file of the spool deleted, empty, or all zeros", "starts, all other records delivered, the missing records counted exactly", "the same")
}

// If a record is damaged after Open, the damage is found when the record is read.
func TestDamagedWhileOpen(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Dir: dir, MaxBytes: minMaxBytes})
	fill(t, s, 0, 200)
	files := segmentFiles(t, dir)
	for _, path := range files[:2] {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		copy(data[1000:], make([]byte, 100))
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(files[2]); err != nil {
		t.Fatal(err)
	}
	got := take(t, s, all)
	if !slices.IsSorted(got) || len(got) < 100 {
		t.Errorf("took %v", got)
	}
	st := balance(t, s)
	if st.Lost == 0 || int(st.Lost) != points(span(0, 200))-points(got) {
		t.Errorf("lost %d points, want %d", st.Lost, points(span(0, 200))-points(got))
	}
	if st.Quarantined != 2 {
		t.Errorf("%d segments in quarantine, want 2", st.Quarantined)
	}
}

func TestQuarantineIsBounded(t *testing.T) {
	img := newImage(t, 40, 2<<10)
	dir := filepath.Join(t.TempDir(), "spool")
	damaged := map[string][]byte{}
	for _, name := range img.segments() {
		damaged[name] = bytes.Repeat([]byte("rubbish "), 10)
	}
	if len(damaged) <= quarantineFiles {
		t.Fatalf("only %d segments", len(damaged))
	}
	img.write(t, dir, damaged)
	s := open(t, Config{Dir: dir})
	if got := take(t, s, all); got != nil {
		t.Errorf("took %v", got)
	}
	entries, err := os.ReadDir(filepath.Join(dir, quarantineDir))
	if err != nil || len(entries) != quarantineFiles {
		t.Errorf("%d files in quarantine, error %v, want %d", len(entries), err, quarantineFiles)
	}
	fill(t, s, 0, 3) // the spool still accepts records
	if got := take(t, s, all); !slices.Equal(got, span(0, 3)) {
		t.Errorf("took %v", got)
	}
}
