package counterpart

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Alertmanager runs Debian's package of Prometheus Alertmanager for one test. It posts its
// notifications to a webhook of the test.
type Alertmanager struct {
	// URL is the server's base URL, without a slash at the end.
	URL string

	t testing.TB
}

// StartAlertmanager starts an Alertmanager, and stops it at the end of the test. An alert without
// an endsAt resolves after a second. The Debian package must be installed, not only unpacked,
// because Alertmanager loads its default template from /usr/share.
func StartAlertmanager(t testing.TB, webhook string) *Alertmanager {
	t.Helper()
	program := Find(t, "prometheus-alertmanager")
	dir := t.TempDir()
	config := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, alertmanagerConf, webhook), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := FreeAddress(t).String()
	a := &Alertmanager{URL: "http://" + addr, t: t}
	process := start(t, "alertmanager", dir, exec.Command(program,
		"--config.file="+config, "--storage.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+addr, "--cluster.listen-address=", "--log.level=debug"))
	t.Cleanup(func() {
		_ = process.end(syscall.SIGTERM)
	})
	process.await(func() bool {
		answer, err := http.Get(a.URL + "/-/ready")
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	return a
}

// Alert is an alert that Alertmanager stores.
type Alert struct {
	Labels      map[string]string
	Annotations map[string]string
	StartsAt    time.Time
	EndsAt      time.Time
	Status      struct{ State string }

	GeneratorURL string
}

// Alerts returns the firing alerts.
func (a *Alertmanager) Alerts() (alerts []Alert) {
	a.t.Helper()
	answer, err := http.Get(a.URL + "/api/v2/alerts")
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if err := json.NewDecoder(answer.Body).Decode(&alerts); err != nil || answer.StatusCode != http.StatusOK {
		a.t.Fatalf("alertmanager answers %s: %v", answer.Status, err)
	}
	return alerts
}

const alertmanagerConf = `global:
  resolve_timeout: 1s
route:
  receiver: test
  group_by: ['...']
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
receivers:
- name: test
  webhook_configs:
  - url: %s
    send_resolved: true
`
