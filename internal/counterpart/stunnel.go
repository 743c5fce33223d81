package counterpart

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Stunnel is a stunnel (Debian's stunnel4) for one test. It terminates TLS on a free loopback port
// and forwards to another address without TLS.
type Stunnel struct {
	Connect   string // target address
	Cert, Key string // its own certificate
	Clients   string // the authority that must have issued the clients' certificates; empty accepts all clients
}

// Start starts it until the end of the test and returns the "host:port" it listens on.
func (s Stunnel) Start(t testing.TB) (addr string) {
	t.Helper()
	program := Find(t, "stunnel")
	addr = FreeAddress(t).String()
	config := fmt.Sprintf(stunnelConf, addr, s.Connect, s.Cert, s.Key)
	if s.Clients != "" {
		config += "verifyChain = yes\nCAfile = " + s.Clients + "\n"
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "stunnel.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	console, err := os.Create(filepath.Join(dir, "console"))
	if err != nil {
		t.Fatal(err)
	}
	process := exec.Command(program, file)
	process.Stdout, process.Stderr = console, console
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Process.Signal(syscall.SIGTERM)
		_ = process.Wait() // the signal is its exit status
		_ = console.Close()
		if said, err := os.ReadFile(console.Name()); t.Failed() && err == nil {
			t.Logf("stunnel said:\n%s", said)
		}
	})
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if listens(t, addr) {
			return addr
		}
		if time.Now().After(end) {
			t.Fatal("stunnel does not listen")
		}
	}
}

const stunnelConf = `foreground = yes
pid =
syslog = no
debug = notice
[carbon]
accept = %s
connect = %s
cert = %s
key = %s
`
