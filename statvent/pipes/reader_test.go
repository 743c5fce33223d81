package pipes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/statvent"
)

// patient is a timeout that does not expire even on a busy machine.
const patient = wait.Patience

func mustRead(t testing.TB, r *Reader) *Result {
	t.Helper()
	result, err := r.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// record creates a pipe for this process in dir.
func record(t testing.TB, dir string, r *statvent.Registry) *statvent.Recorder {
	t.Helper()
	rec, err := statvent.NewRecorder(r, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rec.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return rec
}

func mkfifo(t testing.TB, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o644); err != nil {
		t.Fatal(err)
	}
}

func own(dir string) string { return filepath.Join(dir, fmt.Sprintf("%d.stats", os.Getpid())) }

func TestNoDirectory(t *testing.T) {
	result := mustRead(t, &Reader{Dir: filepath.Join(t.TempDir(), "none")})
	if len(result.Processes) != 0 || result.Errors != nil {
		t.Errorf("got %+v", result)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fifo := file + ".fifo"
	mkfifo(t, fifo)
	for _, path := range []string{file, fifo, os.DevNull} {
		if _, err := (&Reader{Dir: path}).Read(t.Context()); !errors.Is(err, syscall.ENOTDIR) {
			t.Errorf("%s in place of a directory: %v", path, err)
		}
	}
}

func TestReadsARecorder(t *testing.T) {
	dir := t.TempDir()
	var r statvent.Registry
	name := "any byte \x00\xff\r:"
	r.Set(name, 7)
	record(t, dir, &r)
	p := mustRead(t, &Reader{Dir: dir, Timeout: patient}).Processes
	started, err := Started(os.Getpid())
	if len(p) != 1 || err != nil || p[0].PID != os.Getpid() || p[0].Start != started || p[0].Stats[name] != statvent.Int(7) {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestEmptyAnswerIsAnAnswer(t *testing.T) {
	dir := t.TempDir()
	record(t, dir, new(statvent.Registry))
	result := mustRead(t, &Reader{Dir: dir, Timeout: patient})
	if p := result.Processes; len(p) != 1 || p[0].Err != nil || len(p[0].Stats) != 0 || result.TimedOut != 0 {
		t.Errorf("got %+v", result)
	}
}

func TestRefuses(t *testing.T) {
	dir := t.TempDir()
	elsewhere := filepath.Join(t.TempDir(), "fifo")
	mkfifo(t, elsewhere)
	for _, err := range []error{
		os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600), // the name does not end with .stats
		os.WriteFile(filepath.Join(dir, ".1.stats"), nil, 0o600),
		os.WriteFile(filepath.Join(dir, "a.stats"), nil, 0o600),
		os.WriteFile(filepath.Join(dir, "0.stats"), nil, 0o600),
		os.WriteFile(filepath.Join(dir, "007.stats"), nil, 0o600),
		os.Symlink(elsewhere, own(dir)),
		os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.stats", deadPID(t))), nil, 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	result := mustRead(t, &Reader{Dir: dir, Timeout: patient, RemoveStale: true})
	if result.Refused != 5 || len(result.Errors) != 5 || len(result.Processes) != 0 || result.Removed != 0 {
		t.Errorf("got %+v, want 5 refused", result)
	}
	if left, _ := os.ReadDir(dir); len(left) != 7 {
		t.Errorf("%d of 7 files are left", len(left))
	}
}

func TestRefusesPipeOfOtherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give a file away")
	}
	dir := t.TempDir()
	rec := record(t, dir, new(statvent.Registry))
	if err := os.Chown(rec.Path(), 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if result := mustRead(t, &Reader{Dir: dir, RemoveStale: true}); result.Refused != 1 || len(result.Processes) != 0 {
		t.Errorf("got %+v, want 1 refused", result)
	}
}

func TestStale(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, fmt.Sprintf("%d.stats", deadPID(t)))
	mkfifo(t, path)
	if result := mustRead(t, &Reader{Dir: dir}); result.Stale != 1 || result.Removed != 0 || !exists(path) {
		t.Errorf("got %+v, want 1 stale and not removed", result)
	}
	// This pipe belongs to a process in another pid namespace. No process in this namespace has the same id.
	writer, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	remover := &Reader{Dir: dir, RemoveStale: true}
	if result := mustRead(t, remover); result.Refused != 1 || result.Removed != 0 || !exists(path) {
		t.Errorf("a pipe with a writer: %+v, want 1 refused and not removed", result)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if result := mustRead(t, remover); result.Stale != 1 || result.Removed != 1 || result.Refused != 0 || exists(path) {
		t.Errorf("got %+v, want 1 removed", result)
	}
}

func TestTimesOut(t *testing.T) {
	dir := t.TempDir()
	var r statvent.Registry
	r.Incr("a", 1)
	record(t, dir, &r)
	host := processesIn(t, dir)
	silent, absent := host.start("silent", 0), host.start("absent", 0)
	reader := &Reader{Dir: dir, Timeout: 100 * time.Millisecond, RemoveStale: true}
	result := mustRead(t, reader)
	// Repeat with a longer timeout on a busy machine.
	for ; result.TimedOut > 2 && reader.Timeout < patient; reader.Timeout *= 2 {
		result = mustRead(t, reader)
	}
	if result.TimedOut != 2 || result.Removed != 0 || !exists(silent.Path) || !exists(absent.Path) {
		t.Errorf("got %+v, want 2 timed out, and their pipes not removed", result)
	}
	for _, p := range result.Processes {
		if want := p.PID == os.Getpid(); (p.Err == nil) != want || (p.Stats != nil) != want {
			t.Errorf("process %d: %v, %v", p.PID, p.Stats, p.Err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := (&Reader{Dir: dir, Timeout: patient}).Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a context that ends: %v", err)
	}
}

func TestGarbage(t *testing.T) {
	dir := t.TempDir()
	host := processesIn(t, dir)
	garbage, endless := host.start("garbage", 0), host.start("endless", 0)
	result := mustRead(t, &Reader{Dir: dir, Timeout: patient})
	if result.Malformed != 6 || result.TooLarge != 1 || result.TimedOut != 0 || result.Refused != 0 {
		t.Errorf("got %+v, want 6 malformed lines and 1 process too large", result)
	}
	for _, p := range result.Processes {
		if len(p.Stats) != 0 || (p.Err == nil) != (p.PID == garbage.PID) || (p.Err != nil) != (p.PID == endless.PID) {
			t.Errorf("got %+v", p)
		}
	}
}

// TestOtherReader reads a pipe while another program, such as cat, reads the same pipe again and again. A reading may
// get nothing, but never a part of an answer.
func TestOtherReader(t *testing.T) {
	dir := t.TempDir()
	var r statvent.Registry
	for i := range 200 {
		r.Set(fmt.Sprint(i), int64(i))
	}
	rec := record(t, dir, &r)
	stop := make(chan struct{})
	var others, readers sync.WaitGroup
	others.Go(func() {
		buf := make([]byte, 1<<17)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if f, err := os.Open(rec.Path()); err == nil {
				_, _ = f.Read(buf)
				_ = f.Close()
			}
		}
	})
	for range 8 {
		readers.Go(func() {
			for range 20 {
				result, err := (&Reader{Dir: dir, Timeout: patient}).Read(t.Context())
				if err != nil || len(result.Processes) != 1 {
					t.Errorf("got %+v, %v", result, err)
					return
				}
				if n := len(result.Processes[0].Stats); n != 200 && n != 0 {
					t.Errorf("%d of 200 stats", n)
				}
			}
		})
	}
	readers.Wait()
	close(stop)
	others.Wait()
}

// TestReadersTakeTurns checks that all of several simultaneous readings get complete answers.
func TestReadersTakeTurns(t *testing.T) {
	dir := t.TempDir()
	var r statvent.Registry
	for i := range 200 {
		r.Set(fmt.Sprint(i), int64(i))
	}
	record(t, dir, &r)
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for range 20 {
				result, err := (&Reader{Dir: dir, Timeout: patient}).Read(t.Context())
				if err != nil || len(result.Processes) != 1 || len(result.Processes[0].Stats) != 200 {
					t.Errorf("got %+v, %v", result, err)
					return
				}
			}
		})
	}
	readers.Wait()
}
