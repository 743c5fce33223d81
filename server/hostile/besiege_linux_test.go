package hostile

import (
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

// attack is one way to hurt the monitor: a client sends a start, and then a part again
// and again until it is cut.
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

// send sends one attack until it is cut, and returns how long that took. It returns 0
// when ctx ended first.
func (a attack) send(ctx context.Context, address string) time.Duration {
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

// attack runs all attackers until ctx ends. One that is cut comes again.
func (b *besiegers) attack(ctx context.Context, address string) {
	var attacking sync.WaitGroup
	for range b.number / len(attacks()) {
		for _, a := range attacks() {
			attacking.Go(func() {
				for ctx.Err() == nil {
					if took := int64(a.send(ctx, address)); took > 0 {
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

// besiegeAsked attacks until standard input ends. Now and then it prints how many
// connections were cut, and the longest time that one took.
func besiegeAsked() {
	address, number, _ := strings.Cut(os.Getenv(besiegedEnv), " ")
	b := &besiegers{}
	b.number, _ = strconv.Atoi(number)
	ctx, end := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		end()
	}()
	go func() {
		for ctx.Err() == nil {
			fmt.Println(b.cuts.Load(), b.longest.Load())
			sleep(ctx, 100*time.Millisecond)
		}
	}()
	b.attack(ctx, address)
}

// siege is a process that attacks a monitor.
type siege struct {
	besiegers
	end func()
}

// besiege has the monitor attacked by another process until end is called.
func (d *statsd) besiege(attackers int) *siege {
	d.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", besiegedEnv, d.monitor, attackers))
	over, err := cmd.StdinPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	said, err := cmd.StdoutPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	s := &siege{}
	read := make(chan struct{})
	go func() {
		defer close(read)
		var cuts, longest int64
		for {
			if _, err := fmt.Fscanln(said, &cuts, &longest); err != nil {
				return
			}
			s.cuts.Store(cuts)
			s.longest.Store(longest)
		}
	}()
	s.end = sync.OnceFunc(func() {
		_ = over.Close()
		<-read
		if err := cmd.Wait(); err != nil {
			d.t.Errorf("the attackers: %v", err)
		}
	})
	d.t.Cleanup(s.end)
	return s
}
