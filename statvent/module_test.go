package statvent_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/statsd-ops/statsd/internal/counterpart"
)

// TestModuleOfAUser checks that a module that imports the packages client and statvent needs no other module. The go
// command also counts modules that the tests of these packages import.
func TestModuleOfAUser(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const module = "github.com/statsd-ops/statsd"
	write("go.mod", fmt.Sprintf("module example.com/user\n\ngo 1.26\n\nrequire %s v0.0.0\n\nreplace %s => %s\n", module, module, root))
	source := "package user\n\n"
	for _, path := range []string{"client", "client/clienttest", "client/httpstats", "statvent", "statvent/pipes", "statvent/web"} {
		source += fmt.Sprintf("import _ %q\n", module+"/"+path)
	}
	write("user.go", source)
	tidy := exec.Command(counterpart.Find(t, "go"), "mod", "tidy")
	tidy.Dir = dir
	tidy.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off")
	if out, err := tidy.CombinedOutput(); err != nil {
		t.Fatalf("go mod tidy: %v\n%s", err, out)
	}
	if sums, err := os.ReadFile(filepath.Join(dir, "go.sum")); err == nil {
		t.Errorf("the module needs others:\n%s", sums)
	}
}
