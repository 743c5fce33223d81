package counterpart

import (
	"encoding/json"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// Etsy runs Etsy's statsd (the npm package statsd, under Node.js).
type Etsy struct {
	Addr    string // address for metric lines; it is a UDP address unless the settings select TCP
	Console string // address of the management console
}

// StartEtsy starts Etsy's statsd with the given settings, and stops it at the end of the test.
// StartEtsy adds the ports to the settings.
func StartEtsy(t testing.TB, settings map[string]any) *Etsy {
	t.Helper()
	node, home := Find(t, "node"), EtsyHome(t)
	lines := FreeAddress(t)
	console := netip.AddrPortFrom(lines.Addr(), lines.Port()+1)
	all := map[string]any{
		"address": lines.Addr(), "port": lines.Port(), "mgmt_address": console.Addr(), "mgmt_port": console.Port(),
	}
	maps.Copy(all, settings)
	// Etsy's statsd reads its configuration as JavaScript, and JSON is valid JavaScript.
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "config.js")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(node, "stats.js", file)
	command.Dir = home
	process := start(t, "statsd.js", dir, command)
	t.Cleanup(func() {
		_ = process.end(syscall.SIGTERM) // the exit status has no information
		t.Logf("Etsy's statsd said:\n%s", process.said())
	})
	process.await(func() bool { return listens(t, console.String()) })
	return &Etsy{Addr: lines.String(), Console: console.String()}
}

// EtsyHome returns the directory of Etsy's statsd.
func EtsyHome(t testing.TB) string {
	t.Helper()
	home := filepath.Join(root(t), ".counterparts/node_modules/statsd")
	if _, err := os.Stat(filepath.Join(home, "stats.js")); err != nil {
		Missing(t, "statsd from npm is not in .counterparts")
	}
	return home
}

// root returns the top directory of this repository.
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
