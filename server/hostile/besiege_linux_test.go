package hostile

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// attack is a client's input to the monitor: a beginning, then a part repeated until the connection
// is closed.
type attack struct{ start, again string }

const postHeader = "POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n"

// attacks on the monitor, each with many connections.
func attacks() map[string]attack {
	whole := func(body string) attack {
		return attack{start: fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", postHeader, len(body), body)}
	}
	bomb := `<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">`
	for c := 'b'; c <= 'j'; c++ {
		bomb += fmt.Sprintf(`<!ENTITY %c "%s">`, c, strings.Repeat(fmt.Sprintf("&%c;", c-1), 10))
	}
	return map[string]attack{
		"entity bomb":    whole(bomb + "]><methodCall><methodName>&j;</methodName></methodCall>"),
		"nesting":        whole("<methodCall><methodName>istats</methodName><params><param>" + strings.Repeat("<value><array><data>", 100_000)),
		"1 GB":           {start: postHeader + "Content-Length: 1073741824\r\n\r\n", again: strings.Repeat("x", 4096)},
		"endless chunks": {start: postHeader + "Transfer-Encoding: chunked\r\n\r\n", again: "5\r\n     \r\n"},
		"slow headers":   {start: "POST /RPC2 HTTP/1.1\r\n", again: "X"},
		"silence":        {},
	}
}

// besiege sends one attack until the connection is closed, and returns how long that took, or 0 if
// ctx ended first.
func besiege(ctx context.Context, address string, a attack) time.Duration {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return 0
	}
	begun := time.Now()
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	cut := make(chan struct{})
	go func() {
		defer close(cut)
		_, _ = io.Copy(io.Discard, conn) // until the daemon closes
	}()
	_, _ = io.WriteString(conn, a.start)
	for {
		select {
		case <-cut:
			if ctx.Err() != nil {
				return 0
			}
			return time.Since(begun)
		case <-time.After(200 * time.Millisecond):
			_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = io.WriteString(conn, a.again)
		}
	}
}

// besiegers are the attackers of one address.
type besiegers struct {
	number        int
	cuts, longest atomic.Int64 // longest in nanoseconds
}

// attack repeats the attack from all connections until ctx ends.
func (b *besiegers) attack(ctx context.Context, address string) {
	var attacking sync.WaitGroup
	for range b.number / len(attacks()) {
		for _, a := range attacks() {
			attacking.Go(func() {
				for ctx.Err() == nil {
					if took := int64(besiege(ctx, address, a)); took > 0 {
						b.cuts.Add(1)
						for was := b.longest.Load(); took > was && !b.longest.CompareAndSwap(was, took); was = b.longest.Load() {
						}
					}
					sleep(ctx, 100*time.Millisecond)
				}
			})
		}
	}
	attacking.Wait()
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// besiegedEnv makes the test program attack the monitor at an address instead of testing.
const besiegedEnv = "HOSTILE_BESIEGED"

// besiegeAsked attacks until standard input ends. It prints how often connections were closed, and
// the longest time until one was.
func besiegeAsked() {
	address, number, _ := strings.Cut(os.Getenv(besiegedEnv), " ")
	b := &besiegers{}
	b.number, _ = strconv.Atoi(number)
	ctx, end := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		end()
	}()
	b.attack(ctx, address)
	fmt.Println(b.cuts.Load(), b.longest.Load())
}

// besieged runs f while another process attacks the monitor.
func (d *statsd) besieged(attackers int, f func()) (cuts int, longest time.Duration) {
	d.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", besiegedEnv, d.monitor, attackers))
	over, err := cmd.StdinPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var said bytes.Buffer
	cmd.Stdout = &said
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	f()
	_ = over.Close()
	if err := cmd.Wait(); err != nil {
		d.t.Fatal(err)
	}
	if _, err := fmt.Sscan(said.String(), &cuts, &longest); err != nil {
		d.t.Fatalf("the attackers say %q", said.String())
	}
	return cuts, longest
}
