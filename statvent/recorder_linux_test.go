package statvent

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
	"os/exec"
)

func record(t *testing.T, r *Registry, every time.Duration) *Recorder {
	t.Helper()
	rec, err := newRecorder(r, filepath.Join(t.TempDir(), "pipes"), every)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rec.Close(); err != nil {
			t.Error(err)
		}
	})
	return rec
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(wait.Patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after 20 s still not: %s", what)
		}
	}
}

func TestCatIsAReader(t *testing.T) {
	cat := counterpart.Find(t, "cat")
	var r Registry
	rec := record(t, &r, checkEvery)
	r.Incr("a", 1)
	r.SetFloat("My Nice Stat", 123.45)
	for i := 1; i < 4; i++ {
		got, err := exec.Command(cat, rec.Path()).CombinedOutput()
		if want := fmt.Sprintf("My Nice Stat: 123.45\na: %d\n", i); err != nil || string(got) != want {
			t.Fatalf("cat printed %q, %v, want %q", got, err, want)
		}
		r.Incr("a", 1)
	}
}

func TestRightsWhateverTheUmask(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	rec := record(t, new(Registry), checkEvery)
	for path, want := range map[string]fs.FileMode{
		filepath.Dir(rec.Path()): fs.ModeDir | fs.ModeSticky | 0o777,
		rec.Path():               fs.ModeNamedPipe | 0o644,
	} {
		if info, err := os.Lstat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
}

// A thousand readers, one after the other, while four goroutines count.
func TestSoakReadsDuringWrites(t *testing.T) {
	const counters = 20
	soak, _ := time.ParseDuration(os.Getenv("SOAK")) // unset is 0
	var r Registry
	for c := range counters {
		r.Incr(fmt.Sprintf("counter %d", c), 0)
	}
	goroutines := runtime.NumGoroutine()
	rec := record(t, &r, checkEvery)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var done [4]int64
	for g := range done {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				for c := range counters {
					r.Incr(fmt.Sprintf("counter %d", c), 1)
				}
				r.Record("lat.{0}", float64(done[g]))
				done[g]++
				time.Sleep(100 * time.Microsecond) // leave the processors to the readers too
			}
		})
	}
	before := make(map[string]Value)
	began := time.Now()
	for i := 0; i < 1000 || time.Since(began) < soak; i++ {
		text := read(t, rec.Path())
		seen := 0
		for line := range strings.Lines(text) {
			name, v, err := ParseLine([]byte(strings.TrimSuffix(line, "\n")))
			if err != nil || !strings.HasSuffix(line, "\n") {
				t.Fatalf("reading %d: torn line %q: %v", i, line, err)
			}
			if strings.HasPrefix(string(name), "counter ") {
				seen++
				if v.Less(before[string(name)]) {
					t.Fatalf("reading %d: %s fell from %v to %v", i, name, before[string(name)], v)
				}
				before[string(name)] = v
			}
		}
		if seen != counters {
			t.Fatalf("reading %d has %d counters, want %d:\n%s", i, seen, counters, text)
		}
	}
	close(stop)
	wg.Wait()
	want := Int(done[0] + done[1] + done[2] + done[3])
	text := read(t, rec.Path())
	for c := range counters {
		if line := fmt.Sprintf("counter %d: %v\n", c, want); !strings.Contains(text, line) {
			t.Errorf("no line %q in the last reading", line)
		}
	}
	if rec.Unserved() != 0 {
		t.Errorf("%d readers were not served", rec.Unserved())
	}
	if err := rec.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= goroutines })
}

// Readers that come at the same time get a whole snapshot, or, if two share a
// pipe, one of them nothing.
func TestManyReadersAtOnce(t *testing.T) {
	const readers, each = 16, 20
	var r Registry
	var want bytes.Buffer
	for i := range 500 {
		fmt.Fprintf(&want, "name %03d: %d\n", i, i)
		r.Set(fmt.Sprintf("name %03d", i), int64(i))
	}
	rec := record(t, &r, checkEvery)
	var wg sync.WaitGroup
	var mu sync.Mutex
	whole, empty := 0, 0
	for range readers {
		wg.Go(func() {
			buf := make([]byte, 1<<16)
			for range each {
				f, err := os.Open(rec.Path())
				if err != nil {
					t.Error(err)
					return
				}
				n, err := io.ReadFull(f, buf)
				_ = f.Close()
				mu.Lock()
				switch {
				case bytes.Equal(buf[:n], want.Bytes()):
					whole++
				case n == 0:
					empty++
				default:
					t.Errorf("read %d of %d bytes, %v", n, want.Len(), err)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	t.Logf("%d whole, %d empty", whole, empty)
	if whole == 0 {
		t.Error("no reader got a snapshot")
	}
}

func TestReaderLeavesEarly(t *testing.T) {
	var r Registry
	name := strings.Repeat("x", MaxName-10)
	for i := range 300 { // 1.2 MB, more than a pipe holds
		r.Incr(fmt.Sprintf("%s%03d", name, i), 1)
	}
	rec := record(t, &r, checkEvery)
	for range 3 {
		f, err := os.Open(rec.Path())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Read(make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "3 unserved readers", func() bool { return rec.Unserved() == 3 })
	if got := strings.Count(read(t, rec.Path()), ": 1\n"); got != 300 {
		t.Errorf("the next reader got %d of 300 lines", got)
	}
}

func TestTakesThePlaceOfADeadProcess(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, fmt.Sprintf("%d.stats", os.Getpid()))
	staged := filepath.Join(dir, fmt.Sprintf(".%d.stats", os.Getpid()))
	for _, p := range []string{path, staged} {
		if err := syscall.Mkfifo(p, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var r Registry
	r.Incr("a", 1)
	rec, err := NewRecorder(&r, dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, rec.Path()); got != "a: 1\n" {
		t.Errorf("read %q", got)
	}
	if second, err := NewRecorder(&r, dir); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("a second recorder of the process: %v, %v, want an error", second, err)
	}
	for range 2 {
		if err := rec.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("Close left %v, %v", left, err)
	}
}

func TestRefusesWhatIsInTheWay(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, fmt.Sprintf("%d.stats", os.Getpid()))
	place := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if rec, err := NewRecorder(nil, dir); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("NewRecorder = %v, %v, want an error that names the file", rec, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal("the file in the way was removed: ", err)
		}
	}
	place(os.WriteFile(path, []byte("precious"), 0o600))
	place(os.Mkdir(path, 0o700))
	place(os.Symlink("/dev/null", path))
	if _, err := NewRecorder(nil, filepath.Join(dir, "no", "such")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that cannot be made: %v", err)
	}
}

func TestRestoresALostPipe(t *testing.T) {
	var r Registry
	r.Incr("a", 1)
	rec := record(t, &r, 2*time.Millisecond)
	for _, lose := range []func() error{
		func() error { return os.Remove(rec.Path()) },
		func() error { return os.RemoveAll(filepath.Dir(rec.Path())) },
	} {
		if err := lose(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the pipe is back", func() bool { _, err := os.Lstat(rec.Path()); return err == nil })
		if got := read(t, rec.Path()); got != "a: 1\n" {
			t.Errorf("read %q", got)
		}
	}
}

func TestCloseRemovesOnlyItsOwn(t *testing.T) {
	rec := record(t, new(Registry), checkEvery)
	if err := os.Remove(rec.Path()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(rec.Path(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(rec.Path()); err != nil {
		t.Error("another's file was removed")
	}
}

// A reader that found the pipe under its name, and opens it after the writer has
// left, does not wait for ever.
func TestReleasesStragglers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "1.stats")
	f, err := stage(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := publish(path); err != nil {
		t.Fatal(err)
	}
	read := make(chan string)
	go func() {
		text, err := os.ReadFile(path)
		read <- fmt.Sprintf("%q %v", text, err)
	}()
	eventually(t, "the reader is released", func() bool {
		f.release()
		select {
		case got := <-read:
			return got == `"" <nil>`
		default:
			return false
		}
	})
	if err := f.close(); err != nil {
		t.Error(err)
	}
}

// A snapshot larger than a pipe usually holds is there in one piece: the reader
// may take its time.
func TestLargeSnapshotInOnePiece(t *testing.T) {
	const fionread = 0x541b
	var r Registry
	for i := range 100 {
		r.Incr(fmt.Sprintf("%03d %s", i, strings.Repeat("x", 4000)), 1)
	}
	rec := record(t, &r, checkEvery)
	f, err := os.Open(rec.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want, _ := r.AppendText(nil)
	eventually(t, "all of it is in the pipe", func() bool {
		var waiting int32
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), fionread, uintptr(unsafe.Pointer(&waiting)))
		return errno == 0 && int(waiting) == len(want)
	})
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d of %d bytes, %v", len(got), len(want), err)
	}
}
