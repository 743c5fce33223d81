package counterpart

import (
	"encoding/json"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Etsy is Etsy's statsd (npm's statsd under Node.js), on free loopback ports.
type Etsy struct {
	Addr    string // for lines, over UDP unless the settings differ
	Console string // of the management console
}

// StartEtsy starts Etsy's statsd with the given settings and free ports. It stops at the end of the
// test.
func StartEtsy(t testing.TB, settings map[string]any) *Etsy {
	t.Helper()
	node, home := Find(t, "node"), EtsyHome(t)
	lines, console := FreeAddress(t), FreeAddress(t)
	all := map[string]any{
		"address": lines.Addr(), "port": lines.Port(), "mgmt_address": console.Addr(), "mgmt_port": console.Port(),
	}
	maps.Copy(all, settings)
	// It reads JavaScript, which includes JSON.
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "config.js")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	process := exec.Command(node, "stats.js", file)
	process.Dir, process.Stdout, process.Stderr = home, t.Output(), t.Output()
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(10*time.Second, func() { _ = process.Process.Kill() })
		defer kill.Stop()
		_ = process.Wait() // its exit status says nothing
	})
	e := &Etsy{Addr: lines.String(), Console: console.String()}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if conn, err := net.Dial("tcp", e.Console); err == nil {
			_ = conn.Close()
			return e
		}
		if time.Now().After(deadline) {
			t.Fatal("Etsy's statsd does not listen")
		}
	}
}

// EtsyHome returns the folder of Etsy's statsd.
func EtsyHome(t testing.TB) string {
	t.Helper()
	home := filepath.Join(root(t), ".counterparts/node_modules/statsd")
	if _, err := os.Stat(filepath.Join(home, "stats.js")); err != nil {
		Missing(t, "statsd from npm is not in .counterparts")
	}
	return home
}

// root returns the project's folder.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = filepath.Dir(dir)
	}
}
