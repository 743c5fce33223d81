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

// attack is one way to attack the monitor: the texts that a client sends.
type attack struct {
	start string // sent once
	again string // sent repeatedly after start, until the monitor closes the connection
}

const postHeader = "POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n"

// attacks returns the kinds of attack by name. Each is tried with many connections.
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

// send runs one attack until the monitor closes the connection, and returns how long that took. It
// returns 0 if ctx ends first.
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
		_, _ = io.Copy(io.Discard, conn) // returns when the daemon closes the connection
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

// besiegers are clients that attack one address.
type besiegers struct {
	number        int
	cuts, longest atomic.Int64 // number of closed connections, and the longest time until a close in nanoseconds
}

// attack runs all attackers until ctx ends. When the monitor closes a connection, the attacker
// opens a new one.
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

// besiegedEnv is an environment variable. If the variable is set, the test program runs no tests.
// It attacks the monitor at the address in the variable.
const besiegedEnv = "HOSTILE_BESIEGED"

// besiegeAsked attacks until standard input ends. From time to time it prints how many connections
// the monitor has closed, and the longest time until a connection was closed.
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

// siege is another process that attacks a monitor.
type siege struct {
	besiegers
	end func()
}

// besiege starts another process that attacks the daemon's monitor until end is called.
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
