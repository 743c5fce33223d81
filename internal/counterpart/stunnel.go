package counterpart

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// Stunnel is the configuration of Debian's stunnel4, which accepts TLS connections and forwards the
// decrypted data.
type Stunnel struct {
	Connect   string // address that receives the decrypted data
	Cert, Key string // paths of the server certificate and its key
	Clients   string // path of the authority for client certificates; if empty, stunnel requests no client certificate
}

// Start starts stunnel, and stops it at the end of the test. It returns the "host:port" that
// stunnel listens on.
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
	process := start(t, "stunnel", dir, exec.Command(program, file))
	t.Cleanup(func() {
		_ = process.end(syscall.SIGTERM) // the error says only that the signal ended stunnel
		if t.Failed() {
			t.Logf("stunnel said:\n%s", process.said())
		}
	})
	process.await(func() bool { return listens(t, addr) })
	return addr
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
