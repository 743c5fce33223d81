// Package packaging_test tests the files that the package installs. make package-test tests the
// package itself on a real Debian system.
package packaging_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
)

// A configuration file of the package must never change. If it changed, and a user has edited it, an upgrade would ask
// the user which version to keep, and an unattended upgrade would stop. The defaults of new settings must be in the
// daemon.
func TestConfigurationFilesDoNotChange(t *testing.T) {
	for path, sum := range map[string]string{
		"etc/statsd/statsd.conf":          "a1fe57761718dcbb1e2fcffd7806d772e77c23e6b304ab022ed91d78cc1f140c",
		"etc/default/statsd":              "3db2b9edd3ef15cf9aa762d7be4a62c720b88bf7466623064eabff07fcf6780c",
		"etc/sv/statsd/run":               "91ccb18935705a724c0b1b3d8baa798973cfd4cfb30e52e1a851aa650a75876d",
		"../contrib/runit/statsd/finish":  "f84e7ef6e2e4c1808d776a83ca3da5cfa9b1c544322f8c0795456db6552f0ee7",
		"../contrib/runit/statsd/log/run": "e3c0adc63723bf53bd72d6185c22eff4eb6da9ed9945c7dfa55b6384606f550b",
	} {
		is := sha256.Sum256(read(t, path))
		if hex.EncodeToString(is[:]) != sum {
			t.Errorf("%s has changed: see the comment of this test", path)
		}
	}
}

// The daemon accepts the installed configuration. The only fault is that no sink is configured.
func TestConfiguration(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	dir := t.TempDir()
	if err := counterpart.Build(dir, "statsd"); err != nil {
		t.Fatal(err)
	}
	var warnings bytes.Buffer
	check := exec.Command(filepath.Join(dir, "statsd"), "--config", "etc/statsd/statsd.conf", "--check-config")
	check.Stderr = &warnings
	// The machine may allow fewer open files than the default number of connections needs.
	check.Env = append(os.Environ(), "STATSD_DAEMON_MAX_TCP_CONNECTIONS=100")
	out, err := check.Output()
	if err != nil || !strings.HasSuffix(string(out), "\n# valid: statsd publishes nothing, with 1 warning\n") || !strings.HasPrefix(warnings.String(), "statsd: no sink") {
		t.Errorf("%v\n%s%s", err, out, &warnings)
	}
}

// The installed units equal the units in contrib/systemd, except for the paths and the user.
func TestUnits(t *testing.T) {
	t.Parallel()
	analyze := counterpart.Find(t, "systemd-analyze")
	dir := t.TempDir()
	var units []string
	for _, name := range []string{"statsd.service", "statsd.socket"} {
		text, err := exec.Command("sed", "-f", "systemd.sed", "../contrib/systemd/"+name).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"/usr/local", "DynamicUser", "Settings are flags", "https://", "A private user"} {
			if bytes.Contains(text, []byte(word)) {
				t.Errorf("%s still has %q:\n%s", name, word, text)
			}
		}
		if want := "ExecStart=/usr/sbin/statsd --config /etc/statsd/statsd.conf\n"; name == "statsd.service" &&
			!(bytes.Contains(text, []byte(want)) && bytes.Contains(text, []byte("\nUser=statsd\nGroup=statsd\n"))) {
			t.Errorf("%s does not start the daemon of the package as its user:\n%s", name, text)
		}
		// replace what the test does not install: the program, the manual and the user
		text = []byte(strings.NewReplacer("/usr/sbin/statsd", "/bin/true", "man:statsd(8)", "https://example.com", "=statsd\n", "=root\n").Replace(string(text)))
		unit := filepath.Join(dir, name)
		if err := os.WriteFile(unit, text, 0o600); err != nil {
			t.Fatal(err)
		}
		units = append(units, unit)
	}
	out, err := exec.Command(analyze, append([]string{"verify"}, units...)...).CombinedOutput()
	if err != nil || strings.Contains(string(out), dir) {
		t.Errorf("%v\n%s", err, out)
	}
}

// The version of the package is derived from the Git tag.
func TestVersion(t *testing.T) {
	t.Parallel()
	counterpart.Find(t, "git")
	dir := t.TempDir()
	script, err := filepath.Abs("version")
	if err != nil {
		t.Fatal(err)
	}
	do := func(command string) string {
		t.Helper()
		sh := exec.Command("sh", "-euc", command)
		sh.Dir = dir
		sh.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
			"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
			"GIT_AUTHOR_DATE=2026-11-29T00:00:00Z", "GIT_COMMITTER_DATE=2026-11-29T00:00:00Z", "SCRIPT="+script)
		out, err := sh.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	do("git init -q . && mkdir packaging && cp $SCRIPT packaging/ && git add . && git commit -qm one")
	commit := func() string { return do("git rev-parse --short=7 HEAD") }
	for _, tt := range []struct{ command, want string }{
		{"true", "0.0.0+0.g" + commit()},
		{"git tag v1.2.3", "1.2.3"},
		{"echo >>packaging/version", "1.2.3+dirty"},
		{"git commit -qam two", "1.2.3+1.gCOMMIT"},
		{"git tag v1.3.0-rc1", "1.3.0~rc1"},
		{"git commit -q --allow-empty -m three", "1.3.0~rc1+1.gCOMMIT"},
		{"git tag other-9", "1.3.0~rc1+1.gCOMMIT"},
	} {
		do(tt.command)
		if got, want := do("packaging/version"), strings.ReplaceAll(tt.want, "COMMIT", commit()); got != want {
			t.Errorf("after %s: %s, want %s", tt.command, got, want)
		}
	}
}

// The licences of Go and of each linked module are collected, and the SBOM contains all of them.
func TestLinked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sbom := filepath.Join(dir, "sbom.json")
	out, err := exec.Command("go", "run", "./linked", "-licences", dir, "-sbom", sbom, "-version", "1.2.3", "-date", "2026-11-29T00:00:00Z", "../cmd/...").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	modules := strings.Fields(string(out))
	if len(modules) < 5 || !strings.HasPrefix(modules[0], "std@") || !strings.Contains(string(out), "\nuplot@1.") {
		t.Errorf("modules: %q", modules)
	}
	var listed struct {
		BOMFormat  string
		Components []struct {
			Name, Version, PURL string
			Hashes              []struct{ Content string }
			Licenses            []struct{ License struct{ ID string } }
		}
	}
	if err := json.Unmarshal(read(t, sbom), &listed); err != nil || listed.BOMFormat != "CycloneDX" || len(listed.Components) != len(modules) {
		t.Fatalf("the SBOM has %d components, %v", len(listed.Components), err)
	}
	for i, module := range modules {
		if files, err := filepath.Glob(filepath.Join(dir, module, "*")); err != nil || len(files) == 0 {
			t.Errorf("%s: %q, %v", module, files, err)
		}
		c := listed.Components[i]
		if c.Name+"@"+c.Version != module || !strings.HasSuffix(c.PURL, "/"+module) || len(c.Licenses) != 1 || c.Licenses[0].License.ID == "" {
			t.Errorf("the SBOM has %+v for %s", c, module)
		}
		if i > 0 && strings.HasPrefix(c.PURL, "pkg:golang/") && (len(c.Hashes) != 1 || len(c.Hashes[0].Content) != 64) {
			t.Errorf("%s has the hash %v", module, c.Hashes)
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
