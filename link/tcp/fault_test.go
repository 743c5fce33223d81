package tcp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/link/enginetest"
)

// beCentral runs a central as its own process. TestKill kills this process.
func beCentral(dir, addr string) error {
	ctx := context.Background()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	e, err := Open(Config{Dir: dir, Listener: listener, FsyncEvery: 10 * time.Millisecond})
	if err != nil {
		return err
	}
	settings, err := e.Join(ctx, enginetest.Settings)
	if err != nil {
		return err
	}
	p := e.Partition(0)
	head, err := p.Head(ctx)
	if err != nil {
		return err
	}
	// The test acts as an owner: it commits the number of the last message, and trims the messages
	// that it has read.
	var low uint64
	_, _ = fmt.Sscan(string(head.Record), &low)
	r, err := p.Read(ctx, low+1)
	if err != nil {
		return err
	}
	for slot := head.Slot + 1; ; slot++ {
		m, err := r.Next(ctx)
		if err != nil {
			return err
		}
		fmt.Printf("merged %d %s\n", m.Seq, m.Data)
		if head.Version, err = p.Append(ctx, head.Version, slot%settings.Slots(), fmt.Append(nil, m.Seq)); err != nil {
			return err
		}
		fmt.Printf("committed %d\n", m.Seq)
		_ = p.Trim(ctx, m.Seq+1)
	}
}

// TestKill kills a central at random moments while edges send. At the end every acknowledged
// message is committed exactly once.
func TestKill(t *testing.T) {
	soak.Slow(t)
	kills := soak.Pick(20, 200)
	dir, addr := filepath.Join(t.TempDir(), "collect"), counterpart.FreeAddress(t).String()
	committed := make(map[uint64]string)
	var sent []string
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		s := NewSender(SenderConfig{Address: addr, longest: 100 * time.Millisecond})
		defer s.Close()
		for i := 0; !stop.Load(); i++ {
			text := strconv.Itoa(i)
			for s.Send(t.Context(), link.Message{Data: []byte(text)}) != nil { // a repeated message may be stored twice
			}
			sent = append(sent, text)
		}
	}()
	run := func(until func(out string) bool) {
		for seq, text := range runCentral(t, dir, addr, until) {
			if before, ok := committed[seq]; ok {
				t.Errorf("message %d was committed as %s, and again as %s", seq, before, text)
			}
			committed[seq] = text
		}
	}
	for range kills {
		run(func(out string) bool { return strings.Contains(out, "committed") })
	}
	stop.Store(true)
	run(func(out string) bool {
		select {
		case <-done:
			return strings.Contains(out, " "+sent[len(sent)-1]+"\ncommitted")
		default:
			return false
		}
	})
	had := make(map[string]int)
	for _, text := range committed {
		had[text]++
	}
	missing := 0
	for _, text := range sent {
		if had[text] == 0 {
			missing++
		}
	}
	t.Logf("%d kills, %d messages acknowledged, %d committed", kills, len(sent), len(committed))
	if missing > 0 || len(sent) < kills {
		t.Errorf("%d of %d acknowledged messages are not committed", missing, len(sent))
	}
}

// runCentral runs a central. When the function until has returned true for the output of the
// central, runCentral kills the central some time later. It returns the messages that the central
// has committed.
func runCentral(t *testing.T, dir, addr string, until func(out string) bool) map[uint64]string {
	t.Helper()
	cmd := exec.Command(os.Args[0]) // in the new process, TestMain calls beCentral
	cmd.Env = append(os.Environ(), "CENTRAL_DIR="+dir, "CENTRAL_ADDR="+addr)
	var out bytes.Buffer
	var mu sync.Mutex
	cmd.Stdout = writer(func(b []byte) (int, error) { mu.Lock(); defer mu.Unlock(); return out.Write(b) })
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := func() string { mu.Lock(); defer mu.Unlock(); return out.String() }
	wait.Until(t, "the central commits nothing", func() bool { return until(read()) })
	time.Sleep(rand.N(100 * time.Millisecond))
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	return commitsIn(t, dir, read())
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }

// commitsIn returns the messages that a central has committed, by sequence number. dir is the central's directory, and
// out is its output.
func commitsIn(t *testing.T, dir, out string) map[uint64]string {
	t.Helper()
	c, _, err := openCommits(filepath.Join(dir, "partition-0000", "commits"), enginetest.Settings.Slots())
	if err != nil {
		t.Fatal(err)
	}
	head, err := c.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var low uint64
	_, _ = fmt.Sscan(string(head.Record), &low)
	all := make(map[uint64]string)
	for line := range strings.Lines(out) {
		var seq uint64
		var text string
		if n, _ := fmt.Sscanf(line, "merged %d %s", &seq, &text); n == 2 && seq <= low {
			all[seq] = text
		} else if n, _ := fmt.Sscanf(line, "committed %d", &seq); n == 1 && seq > low {
			t.Errorf("commit of message %d is lost, the head is at %d", seq, low)
		}
	}
	return all
}

func TestTwoCentrals(t *testing.T) {
	t.Parallel()
	e := central(t, Config{})
	join(t, e)
	_, err := Open(Config{Dir: e.cfg.Dir, Listener: listen(t, "127.0.0.1:0")})
	if err == nil || !strings.Contains(err.Error(), "another central daemon uses this directory") {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	again := central(t, Config{Dir: e.cfg.Dir})
	if join(t, again).Partitions != 4 {
		t.Error("the second one, after the first, has other settings")
	}
}

// TestRestart checks that messages, commits and settings are still there after a restart, even if
// some files are truncated or damaged.
func TestRestart(t *testing.T) {
	t.Parallel()
	ctx := patience(t)
	e := central(t, Config{})
	settings := join(t, e)
	s := e.Sender()
	var version link.Version
	for i := range 20 {
		if err := s.Send(ctx, link.Message{Partition: 1, Data: fmt.Append(nil, i)}); err != nil {
			t.Fatal(err)
		}
		v, err := e.Partition(1).Append(ctx, version, int64(i), fmt.Append(nil, "window ", i))
		if err != nil {
			t.Fatal(err)
		}
		version = v
	}
	dir := filepath.Join(e.cfg.Dir, "partition-0001")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	// This is the state after a crash of the machine: the last commit is damaged, and messages are
	// missing at the end.
	if err := os.Truncate(filepath.Join(dir, "commits", "window-19"), commitHead+3); err != nil {
		t.Fatal(err)
	}
	segments, _ := filepath.Glob(filepath.Join(dir, "messages", "*"))
	if err := os.Truncate(segments[0], 100); err != nil {
		t.Fatal(err)
	}
	e = central(t, Config{Dir: e.cfg.Dir})
	if again := join(t, e); again != settings {
		t.Errorf("the settings became %+v", again)
	}
	p := e.Partition(1)
	if head, err := p.Head(ctx); err != nil || head.Version != version-1 || string(head.Record) != "window 18" {
		t.Errorf("the head is %+v, with the error %v", head, err)
	}
	if _, err := p.At(ctx, 19); !errors.Is(err, link.ErrNone) {
		t.Errorf("the damaged window: %v", err)
	}
	// The commits contain the number of the next message, so numbers of lost messages are not used
	// again.
	if err := e.Sender().Send(ctx, link.Message{Partition: 1, Data: []byte("new")}); err != nil {
		t.Fatal(err)
	}
	r, _ := p.Read(ctx, 1)
	defer r.Close()
	for i := range uint64(21) {
		m, err := r.Next(ctx)
		want := fmt.Sprint(i)
		switch {
		case i == 20:
			want = "new"
		case i > 1:
			want = ""
		}
		if err != nil || m.Seq != i+1 || string(m.Data) != want {
			t.Fatalf("message %d: number %d, %q, %v", i+1, m.Seq, m.Data, err)
		}
	}
}

// TestManyEdges connects 500 edges that send at the same time.
func TestManyEdges(t *testing.T) {
	t.Parallel()
	edges := soak.Pick(100, 500)
	ctx := patience(t)
	e := central(t, Config{})
	join(t, e)
	var working sync.WaitGroup
	for i := range edges {
		working.Go(func() {
			s := NewSender(SenderConfig{Address: e.addr()})
			defer s.Close()
			var sending sync.WaitGroup
			for p := range 4 {
				sending.Go(func() {
					for err := errors.New("not sent"); err != nil && ctx.Err() == nil; {
						err = s.Send(ctx, link.Message{Partition: p, Data: fmt.Appendf(nil, "%d %d %s", i, p, make([]byte, i*40))})
					}
				})
			}
			sending.Wait()
		})
	}
	working.Wait()
	for p := range 4 {
		seen := make(map[string]bool)
		state, _ := e.Partition(p).State(ctx)
		r, _ := e.Partition(p).Read(ctx, 1)
		for range state.Last {
			m, err := r.Next(ctx)
			if err != nil {
				t.Fatal(err)
			}
			seen[string(m.Data)] = true
		}
		r.Close()
		if len(seen) != edges {
			t.Errorf("partition %d has messages of %d edges", p, len(seen))
		}
	}
}

// TestCut relays the bytes of an edge. It cuts the connection after each possible number of bytes
// in the handshake and the first message. The message must arrive nevertheless.
func TestCut(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	ctx := patience(t)
	keys := func() ([][]byte, error) { return [][]byte{[]byte("a key")}, nil }
	e := central(t, Config{Keys: keys})
	join(t, e)
	l := listen(t, "127.0.0.1:0")
	defer l.Close()
	const most = 250
	go func() {
		for cut := 0; ; cut += 1 + cut/40 {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("tcp", e.addr())
			if err != nil {
				return
			}
			n := int64(cut)
			if cut > most {
				n = 1 << 40
			}
			go func() { _, _ = io.Copy(conn, up); conn.Close() }()
			_, _ = io.CopyN(up, conn, n)
			up.Close()
		}
	}()
	s := edge(t, SenderConfig{Address: l.Addr().String(), Keys: keys, longest: 10 * time.Millisecond})
	firstTry := s.Send(ctx, link.Message{Data: []byte("the message")})
	for firstTry != nil && ctx.Err() == nil {
		firstTry = s.Send(ctx, link.Message{Data: []byte("the message")})
	}
	state, _ := e.Partition(0).State(ctx)
	r, _ := e.Partition(0).Read(ctx, 1)
	defer r.Close()
	for range state.Last {
		if m, err := r.Next(ctx); err != nil || string(m.Data) != "the message" {
			t.Errorf("stored %q, %v", m.Data, err)
		}
	}
	if state.Last == 0 {
		t.Error("nothing is stored")
	}
}

// TestSendTimeout checks that Send returns an error when the central does not answer. The error
// must name this cause.
func TestSendTimeout(t *testing.T) {
	t.Parallel()
	l := listen(t, "127.0.0.1:0")
	defer l.Close()
	s := edge(t, SenderConfig{Address: l.Addr().String()})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Send(ctx, link.Message{Data: []byte("x")}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a central that does not greet: %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	addr := counterpart.FreeAddress(t).String()
	s := edge(t, SenderConfig{Address: addr})
	err := s.Send(patience(t), link.Message{Data: []byte("x")})
	if err == nil || !strings.Contains(err.Error(), "forward to statsd://"+addr) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Settings(ctx); err == nil {
		t.Error("settings without a central")
	}
}
