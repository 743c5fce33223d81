package pipes

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/statsd-ops/statsd/statvent"
)

// The test binary is also the processes that the tests read.
func TestMain(m *testing.M) {
	mode, isProcess := os.LookupEnv("PIPES_TEST_PROCESS")
	if !isProcess {
		os.Exit(m.Run())
	}
	if err := behave(mode, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// behave is a process with a pipe in dir, until its standard input ends.
func behave(mode, dir, number string) error {
	path := filepath.Join(dir, strconv.Itoa(os.Getpid())+".stats")
	switch mode {
	case "recorder":
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return err
		}
		statvent.Incr("requests", n)
		statvent.SetFloat("load", 0.5)
		statvent.Record("lat.{0}", float64(n))
		rec, err := statvent.NewRecorder(nil, dir)
		if err != nil {
			return err
		}
		defer func() { _ = rec.Close() }()
	case "silent": // opens its pipe and never says anything
		if err := syscall.Mkfifo(path, 0o644); err != nil {
			return err
		}
		go func() { _, _ = os.OpenFile(path, os.O_WRONLY, 0) }()
	case "absent": // never opens its pipe
		if err := syscall.Mkfifo(path, 0o644); err != nil {
			return err
		}
	case "garbage", "endless":
		if err := syscall.Mkfifo(path, 0o644); err != nil {
			return err
		}
		go babble(path, mode)
	case "idle":
	default:
		return fmt.Errorf("no behaviour %q", mode)
	}
	fmt.Println("ready")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// babble writes what is not in the format, for each reader as the original
// does: open, write, close, remove, make.
func babble(path, mode string) {
	text := "\x00\xff\nno colon\n: 1\nrequests: many\nrequests: NaN\nlast line cut: 1"
	if mode == "endless" {
		text = strings.Repeat("requests: 1\n", 1<<20)
	}
	for {
		w, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return
		}
		_, _ = io.WriteString(w, text)
		_ = w.Close()
		_ = os.Remove(path)
		if syscall.Mkfifo(path, 0o644) != nil {
			return
		}
	}
}

// process is one that a test started.
type process struct {
	t    testing.TB
	cmd  *exec.Cmd
	path string // of its pipe
	in   io.Closer
	out  io.Reader
}

// start runs the test binary as a process of that mode, until the test ends.
func start(t testing.TB, mode, dir string) *process {
	t.Helper()
	p := launch(t, mode, dir, 0)
	p.awaitReady()
	return p
}

// launch is start without waiting for the process to have its pipe.
func launch(t testing.TB, mode, dir string, number int) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0], dir, strconv.Itoa(number))
	cmd.Env = append(os.Environ(), "PIPES_TEST_PROCESS="+mode, "GOMAXPROCS=1", "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: cmd, in: in, out: out, path: filepath.Join(dir, strconv.Itoa(cmd.Process.Pid)+".stats")}
	t.Cleanup(p.stop)
	return p
}

func (p *process) awaitReady() {
	p.t.Helper()
	if line, err := bufio.NewReader(p.out).ReadString('\n'); line != "ready\n" {
		p.t.Fatalf("process %d said %q, %v", p.pid(), line, err)
	}
}

// stop lets the process end; kill does not.
func (p *process) stop() {
	_ = p.in.Close()
	_ = p.cmd.Wait()
}

func (p *process) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	_ = p.cmd.Wait()
}

func (p *process) pid() int { return p.cmd.Process.Pid }
