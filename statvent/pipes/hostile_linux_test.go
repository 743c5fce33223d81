package pipes

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/statvent"
)

// expectOwn checks that the answers contain the stats of this process, "a: 1".
func expectOwn(t *testing.T, result *Result) {
	t.Helper()
	for _, p := range result.Processes {
		if p.PID == os.Getpid() {
			if p.Err != nil || p.Stats["a"] != statvent.Int(1) {
				t.Errorf("the answer of this process: %+v", p)
			}
			return
		}
	}
	t.Errorf("this process is missing: %+v", result)
}

func recordOne(t *testing.T, dir string) {
	t.Helper()
	var r statvent.Registry
	r.Incr("a", 1)
	record(t, dir, &r)
}

// TestThreads checks that the id of a thread is not accepted as the id of a process. A pipe for a thread must not
// cost any time.
func TestThreads(t *testing.T) {
	const threads = 300
	dir := t.TempDir()
	recordOne(t, dir)
	processesIn(t, dir).start("threads", threads)
	result := mustRead(t, &Reader{Dir: dir, Timeout: patient, RemoveStale: true})
	expectOwn(t, result)
	if result.Refused != threads || result.TimedOut != 0 || len(result.Processes) != 1 || result.Removed != 0 {
		t.Errorf("got %+v, want %d refused", result, threads)
	}
	if text := fmt.Sprint(result.Errors); !strings.Contains(text, "is a thread of process") {
		t.Errorf("the errors do not name the cause: %s", text)
	}
}

// TestManyPipesOfOneUser checks that a user with many silent processes cannot prevent the reading of another
// user's processes.
func TestManyPipesOfOneUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to run processes as another user")
	}
	// Waiting for this many silent processes takes longer than half of the time limit of a reading.
	// With two users, each user's share is half of the time.
	const silent = 400
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o777|os.ModeSticky); err != nil {
			t.Fatal(err)
		}
	}
	script := fmt.Sprintf(`cd %s; for i in $(seq %d); do sleep 600 & mkfifo $!.stats; done; echo ready; wait`, dir, silent)
	shell := exec.Command(counterpart.Find(t, "sh"), "-c", script)
	shell.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}, Setpgid: true}
	out, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-shell.Process.Pid, syscall.SIGKILL)
		_ = shell.Wait()
	})
	if _, err := out.Read(make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	recordOne(t, dir)
	host := processesIn(t, dir)
	for range 5 {
		host.start("recorder", 1)
	}
	reader := &Reader{Dir: dir, Timeout: 200 * time.Millisecond, RemoveStale: true}
	for good := 0; good < 3; { // the order is random: without a share per user, some readings would fail
		result := mustRead(t, reader)
		answered := 0
		for _, p := range result.Processes {
			if p.Err == nil {
				answered++
			}
		}
		t.Logf("with a time limit of %v %d processes answer, %d time out", reader.Timeout, answered, result.TimedOut)
		switch {
		case answered+result.TimedOut != silent+6 || len(result.Processes) == silent+6:
			t.Fatalf("%d processes are asked, want less than %d: the reading has no limit", len(result.Processes), silent+6)
		case answered == 6:
			good++
		case reader.Timeout > time.Second:
			t.Fatalf("only %d of 6 processes of another user are read: %v", answered, result.Errors)
		default: // the machine is busy, so try again
			reader.Timeout *= 2
		}
	}
}

// TestCrowdedDirectory checks that the pipes of running processes are read even if the directory contains very
// many files. Stale pipes must be removed in several steps.
func TestCrowdedDirectory(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, fmt.Sprintf("%d.stats", deadPID(t)))
	mkfifo(t, stale)
	for i := range maxEntries + 100 {
		file, err := os.Create(filepath.Join(dir, fmt.Sprintf("x%d", i)))
		if err != nil {
			t.Fatal(err)
		}
		_ = file.Close()
	}
	recordOne(t, dir)
	result := mustRead(t, &Reader{Dir: dir, Timeout: patient})
	expectOwn(t, result)
	if text := fmt.Sprint(result.Errors); !strings.Contains(text, "more than 16384 files") {
		t.Errorf("the errors do not name the cause: %s", text)
	}
}

// TestBudget checks that one user cannot use up the bytes that a reading may read: some bytes are
// left for other users.
func TestBudget(t *testing.T) {
	b := budget{left: 100, taken: make(map[uint32]int)}
	for owner, want := range []int{50, 25, 12, 6} { // each user gets at most half of the remaining bytes
		got := 0
		for b.take(uint32(owner), 1) {
			got++
		}
		if got != want {
			t.Errorf("owner %d takes %d bytes, want %d", owner, got, want)
		}
	}
	fair := budget{left: 100, taken: make(map[uint32]int)}
	for round := range 25 {
		for owner := range uint32(3) {
			if !fair.take(owner, 1) {
				t.Fatalf("owner %d gets less than its share: %d bytes", owner, round)
			}
		}
	}
	if fair.take(0, 1) {
		t.Error("an owner takes the last bytes")
	}
}

// TestReusedPID reads the pipe of a dead process while another process of the same user has the same process id. The
// pipe must time out, and must not be removed.
func TestReusedPID(t *testing.T) {
	dir := t.TempDir()
	recordOne(t, dir)
	idle := processesIn(t, dir).start("idle", 0)
	mkfifo(t, idle.Path)
	reader := &Reader{Dir: dir, Timeout: 100 * time.Millisecond, RemoveStale: true}
	result := mustRead(t, reader)
	// Repeat with a longer timeout on a busy machine.
	for ; result.TimedOut > 1 && reader.Timeout < patient; reader.Timeout *= 2 {
		result = mustRead(t, reader)
	}
	expectOwn(t, result)
	if result.TimedOut != 1 || result.Removed != 0 || !exists(idle.Path) {
		t.Errorf("got %+v, want 1 timed out", result)
	}
}

// TestCutAnswer checks that an incomplete answer is reported, and that its complete lines are used.
func TestCutAnswer(t *testing.T) {
	dir := t.TempDir()
	processesIn(t, dir).start("cut", 0)
	result := mustRead(t, &Reader{Dir: dir, Timeout: patient})
	if len(result.Processes) != 1 || result.Processes[0].Err != nil || result.Processes[0].Stats["requests"] != statvent.Int(1) {
		t.Errorf("got %+v, want the whole line", result.Processes)
	}
	if result.Malformed != 1 || result.Refused != 0 || len(result.Errors) != 1 || !errors.Is(result.Errors[0], errCut) {
		t.Errorf("got %+v, want 1 malformed line and the error", result)
	}
}

// TestStaleLocks checks that only unlocked lock files of dead processes are removed.
func TestStaleLocks(t *testing.T) {
	dir := t.TempDir()
	dead := deadPID(t)
	lock := filepath.Join(dir, fmt.Sprintf(".%d.lock", dead))
	own := filepath.Join(dir, fmt.Sprintf(".%d.lock", os.Getpid()))
	for path, text := range map[string]string{lock: "", own: "", filepath.Join(dir, ".notes.lock"): "", filepath.Join(dir, fmt.Sprintf("%d.lock", dead)): ""} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	left := func(why string, want int) {
		t.Helper()
		if files, err := os.ReadDir(dir); err != nil || len(files) != want {
			t.Errorf("%s: %d files are left, %v, want %d", why, len(files), err, want)
		}
	}
	mustRead(t, &Reader{Dir: dir})
	left("a reader that removes nothing", 4)
	// This lock belongs to a process in another pid namespace.
	holder, err := os.OpenFile(lock, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	const fOFDSetLk = 37
	if err := syscall.FcntlFlock(holder.Fd(), fOFDSetLk, &syscall.Flock_t{Type: syscall.F_WRLCK}); err != nil {
		t.Fatal(err)
	}
	remover := &Reader{Dir: dir, RemoveStale: true}
	mustRead(t, remover)
	left("a lock that is held", 4)
	if err := holder.Close(); err != nil {
		t.Fatal(err)
	}
	mustRead(t, remover)
	left("a lock that is free", 3)
	if exists(lock) {
		t.Error("the stale lock is still there")
	}
	if err := os.WriteFile(lock, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	mustRead(t, remover)
	left("a file of another program", 4)
}
