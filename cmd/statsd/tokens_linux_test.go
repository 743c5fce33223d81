package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
)

// changing sends a request to a path of the JSON API that changes the running daemon. The request has a token. changing
// returns the status and the body of the response.
func changing(t *testing.T, client *http.Client, address, path, token, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", address+"/api/v1/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	w, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	text, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.StatusCode, string(text)
}

// TestTokens changes the file of tokens, and requests reloads over TLS.
func TestTokens(t *testing.T) {
	authority := counterpart.NewAuthority(t)
	cert, key := authority.Issue("127.0.0.1")
	dir := t.TempDir()
	tokens, config := filepath.Join(dir, "tokens"), filepath.Join(dir, "statsd.conf")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	line := func(role, name, token string) string {
		return fmt.Sprintf("%s %s %x\n", role, name, sha256.Sum256([]byte(token)))
	}
	write(tokens, line("operate", "alice", "first"))
	write(config, "expire 2\n")
	d := startDaemon(t, "--config", config, "--monitor-port", "0", "--monitor-tokens", tokens, "--monitor-cert", cert, "--monitor-key", key)
	address := "https://" + d.awaitLog(`"monitor":"(127.0.0.1:\d+)"`)
	client := &http.Client{Timeout: wait.Patience, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: authority.Client()}}
	reload := func(token, body string) (int, string) { return changing(t, client, address, "reload", token, body) }

	write(config, "expire 3\ntags graphite\n")
	for _, tt := range []struct{ body, want string }{
		{`{"dry_run":true}`, `"data":{"dry_run":true,"changed":["--expire"],"restart":["--tags"]}`},
		{`{}`, `"data":{"dry_run":false,"changed":["--expire"],"restart":["--tags"]}`},
		{`{"dry_run":true}`, `"data":{"dry_run":true,"changed":[],"restart":["--tags"]}`},
	} {
		if code, text := reload("first", tt.body); code != 200 || !strings.Contains(text, tt.want) {
			t.Errorf("%s: %d %s, want %s", tt.body, code, text, tt.want)
		}
	}
	write(config, "expire many\n")
	if code, text := reload("first", `{"dry_run":true}`); code != 400 || !strings.Contains(text, "no setting has changed: ") || !strings.Contains(text, "--expire") {
		t.Errorf("with a bad file: %d %s", code, text)
	}
	write(config, "expire 3\n")

	write(tokens, "operate alice second\n") // the line contains a token, but must contain the hash of a token
	d.signal(syscall.SIGHUP)
	if got := d.awaitLog(`(reload failed[^\n]*|"error":"--monitor-tokens[^\n]*)`); strings.Contains(d.log.String(), "second") {
		t.Errorf("the log shows the secret: %s", got)
	}
	if code, text := reload("first", `{"dry_run":true}`); code != 400 {
		t.Errorf("after a bad file the old token gets %d %s", code, text)
	}
	write(tokens, line("read", "alice", "first")+line("operate", "bob", "second"))
	d.signal(syscall.SIGHUP)
	d.awaitLog(`settings reloaded; they apply from the next flush"\}\n(?s:.*)settings reloaded`)
	if code, _ := reload("first", `{}`); code != 403 {
		t.Errorf("the old token has %d", code)
	}
	if code, text := reload("second", `{}`); code != 200 {
		t.Errorf("the new token has %d %s", code, text)
	}
	d.awaitLog(`"who":"bob"[^\n]*"message":"audit"`)
	d.stop()
}

// TestTokensOfEverybody checks that the daemon does not start if other users can read the file of tokens.
func TestTokensOfEverybody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(path, []byte("read page "+strings.Repeat("0", 64)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := problemsOf([]string{"--monitor-tokens", path}); err == nil || !strings.Contains(err.Error(), "--monitor-tokens") || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("got %v", err)
	}
	if err := problemsOf([]string{"--monitor-cert", path}); err == nil || !strings.Contains(err.Error(), "--monitor-cert: needs --monitor-key too") {
		t.Errorf("got %v", err)
	}
}
