package console

import (
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/gate"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/metric"
)

// endless is a daemon with an unlimited number of names.
type endless struct {
	*fake
	ended chan struct{}
}

func (e endless) Names(ctx context.Context, _ metric.Kind, pattern string) iter.Seq2[Name, error] {
	return func(yield func(Name, error) bool) {
		name := strings.Repeat(pattern, 500)
		for ctx.Err() == nil {
			if !yield(Name{Name: name}, nil) {
				e.ended <- struct{}{}
				return
			}
		}
		e.ended <- struct{}{}
		yield(Name{}, ctx.Err())
	}
}

// TestHostileClients checks that hostile clients do not delay other clients. The hostile clients do not read, send no
// command, or never finish a command.
func TestHostileClients(t *testing.T) {
	daemon := endless{etsy(), make(chan struct{}, 100)}
	address := start(t, Config{}, daemon)
	for i := range 100 {
		text := []string{"", "gauges\n", "coun", "\n"}[i%4]
		if _, err := io.WriteString(dial(t, address), text); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		if got := ask(t, address, "health\n"); got != "health: up\n" {
			t.Errorf("got %q", got)
		}
	}
}

// TestUnread checks that the connection of a client that does not read its answer is closed as soon
// as another client needs the connection slot.
func TestUnread(t *testing.T) {
	// Several attempts may be necessary on a busy machine.
	wait.Until(t, "clients that do not read their answers delay other clients by AnswerPatience", func() bool {
		var took time.Duration
		t.Run("", func(t *testing.T) {
			address := start(t, Config{}, endless{etsy(), make(chan struct{}, 2*gate.MaxConns)})
			asked := time.Now()
			for range gate.MaxConns {
				if _, err := io.WriteString(dial(t, address), "counters\n"); err != nil {
					t.Fatal(err)
				}
			}
			if got := ask(t, address, "health\n"); got != "health: up\n" {
				t.Errorf("got %q", got)
			}
			took = time.Since(asked)
		})
		return took < gate.AnswerPatience
	})
}

// TestEndlessLine checks that the console does not wait for the end of an endless line.
func TestEndlessLine(t *testing.T) {
	address := start(t, Config{}, etsy())
	conn := dial(t, address)
	sent := 0
	for block := strings.Repeat("x", 4<<10); ; sent += len(block) {
		if _, err := io.WriteString(conn, block); err != nil {
			break
		}
		if sent > 16<<20 { // more data than fits into the socket buffers
			t.Fatalf("%d bytes were taken", sent)
		}
	}
	if got := ask(t, address, "delcounters "+strings.Repeat("x", maxLine/2)+"\n"); !strings.HasSuffix(got, "x not found\nEND\n\n") {
		t.Errorf("got %.100q", got)
	}
}

// TestClientLeaves checks that the console stops producing an answer when the client closes the connection.
func TestClientLeaves(t *testing.T) {
	daemon := endless{etsy(), make(chan struct{}, 1)}
	conn := dial(t, start(t, Config{}, daemon))
	if _, err := io.WriteString(conn, "counters\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	select {
	case <-daemon.ended:
	case <-time.After(wait.Patience):
		t.Error("the answer continues")
	}
}

// TestEnd checks that all sessions end at shutdown, in whatever state they are.
func TestEnd(t *testing.T) {
	daemon := endless{etsy(), make(chan struct{}, gate.MaxConns)}
	c, err := New(Config{Address: "127.0.0.1:0"}, daemon)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx) }()
	for i := range 20 {
		conn := dial(t, c.Addr().String())
		if _, err := io.WriteString(conn, []string{"counters\n", "cou", ""}[i%3]); err != nil {
			t.Fatal(err)
		}
	}
	if got := ask(t, c.Addr().String(), "health\n"); got != "health: up\n" {
		t.Errorf("got %q", got)
	}
	end()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(wait.Patience):
		t.Fatal("Run does not return")
	}
}

// TestDaemonEnds checks that an answer has no END if the daemon ends during the answer.
func TestDaemonEnds(t *testing.T) {
	address := start(t, Config{}, broken{etsy()})
	for _, command := range []string{"counters\n", "delcounters x\n"} {
		if got := ask(t, address, command+"health\n"); got != "" {
			t.Errorf("%q: got %q", command, got)
		}
	}
}

// broken is a daemon that is shutting down: each call of Names or Delete returns errBroken.
type broken struct{ *fake }

var errBroken = errors.New("the daemon is ending")

func (broken) Names(context.Context, metric.Kind, string) iter.Seq2[Name, error] {
	return func(yield func(Name, error) bool) { yield(Name{}, errBroken) }
}

func (broken) Delete(context.Context, metric.Kind, string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) { yield("", errBroken) }
}
