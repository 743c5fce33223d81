package main

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTLS queries a monitor over https: with the right certificate authority, with another
// certificate authority, and without a certificate authority.
func TestTLS(t *testing.T) {
	f := startFake(t)
	server := httptest.NewTLSServer(f.Config.Handler)
	defer server.Close()
	ca := file(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	at := "--at=https://" + server.Listener.Addr().String() + "/"
	invoke(t, exitOK, "sinks", at, "--ca", ca)
	if _, stderr := invoke(t, exitFailed, "sinks", at); !strings.Contains(stderr, "use --ca with the certificate of the authority that has signed the monitor's certificate") {
		t.Errorf("says %q", stderr)
	}
	for want, args := range map[string][]string{
		"--ca is for https":                  {f.at(), "--ca", ca},
		"must have certificates in PEM form": {at, "--ca", file(t, "none")},
		"--ca: open /nowhere":                {at, "--ca=/nowhere"},
	} {
		if _, stderr := invoke(t, exitUsage, append([]string{"sinks"}, args...)...); !strings.Contains(stderr, want) {
			t.Errorf("%s: says %q, want %q", args, stderr, want)
		}
	}
}

// TestToken checks that the token in a file is sent.
func TestToken(t *testing.T) {
	f := startFake(t)
	invoke(t, exitOK, "sinks", f.at(), "--token-file", file(t, "s3cret\n# a comment\n"))
	if got := <-f.tokens; got != "Bearer s3cret" {
		t.Errorf("sends %q", got)
	}
	invoke(t, exitOK, "sinks", f.at())
	if got := <-f.tokens; got != "" {
		t.Errorf("sends %q", got)
	}
	for _, content := range []string{"", "\n", "two words\n", "\x1b[2J", strings.Repeat("x", maxToken+1)} {
		if _, stderr := invoke(t, exitUsage, "sinks", f.at(), "--token-file", file(t, content)); !strings.Contains(stderr, "must have the token on the first line") {
			t.Errorf("%.20q: says %q", content, stderr)
		}
	}
}

// changeServer is an HTTP server that answers requests for changes in the same way as the JSON API.
// It stores the requests.
type changeServer struct{ asked []string }

func (c *changeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := make([]byte, 1000)
	n, _ := r.Body.Read(body)
	c.asked = append(c.asked, strings.Join([]string{r.Method, r.URL.Path, r.Header.Get("Content-Type"), string(body[:n])}, " "))
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if r.Header.Get("Authorization") != "Bearer right" {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"api":1,"error":{"code":"wrong_role","text":"the token \u001b[2J may only read","parameter":"","next":"use one of the role operate"}}`))
		return
	}
	_, _ = w.Write([]byte(`{"api":1,"as_of":null,"live":true,"took_ms":0,"looked_at":null,"complete":true,"data":` + changeAnswers[r.URL.Path] + "}"))
}

var changeAnswers = map[string]string{
	"/api/v1/debug":        `{"match":"a.*","until":null}`,
	"/api/v1/names/mute":   `{"names":12300,"muted":[{"match":"a.\u001b","until":null,"samples":7}]}`,
	"/api/v1/names/unmute": `{"names":0,"muted":[]}`,
	"/api/v1/names/delete": `{"match":"a.*","kind":"all","dry_run":true,"names":12300,"first":["a.b"]}`,
	"/api/v1/flush":        `{"number":7,"at":"2026-11-29T02:28:34Z"}`,
	"/api/v1/reload":       `{"dry_run":true,"changed":["--sink"],"restart":[]}`,
	"/api/v1/drain":        `{"draining":false,"until":null}`,
}

// TestChanges checks the request and the output of each command that changes the daemon.
func TestChanges(t *testing.T) {
	c := &changeServer{}
	server := httptest.NewServer(c)
	defer server.Close()
	at, right := "--at="+server.Listener.Addr().String(), file(t, "right")
	for _, tt := range []struct{ line, asks, prints string }{
		{"debug on a.*", `debug application/json {"match":"a.*","seconds":600}`, "lines of a.* are logged until -\n"},
		{"debug off", `debug application/json {"off":true}`, "lines of a.*"},
		{"mute a.* --for 2m", `names/mute application/json {"match":"a.*","seconds":120}`, "      7  -      a.\\x1b\n"},
		{"unmute a.*", `names/unmute application/json {"match":"a.*"}`, "nothing is muted\n"},
		{"delete a.*", `names/delete application/json {"dry_run":true,"kind":"all","match":"a.*"}`, "12,300 names would be deleted; add --yes to delete them\n"},
		{"delete --yes --kind=set a", `names/delete application/json {"dry_run":false,"kind":"set","match":"a"}`, "  and 12,299 more\n"},
		{"flush", `flush application/json {}`, "flush 7 was made"},
		{"reload --dry-run", `reload application/json {"dry_run":true}`, "a reload would change: --sink\n"},
		{"drain", `drain application/json {"seconds":600}`, "not draining"},
		{"drain off", `drain application/json {"off":true}`, "not draining"},
	} {
		words := strings.Fields(tt.line)
		stdout, _ := invoke(t, exitOK, append(words, at, "--token-file", right)...)
		if got := c.asked[len(c.asked)-1]; got != "POST /api/v1/"+tt.asks {
			t.Errorf("%s: asks %s", tt.line, got)
		}
		if !strings.Contains(stdout, tt.prints) {
			t.Errorf("%s: prints %q, want %q", tt.line, stdout, tt.prints)
		}
	}
	stdout, _ := invoke(t, exitOK, "flush", "--json", at, "--token-file", right)
	if !strings.HasPrefix(stdout, `{"api":1,"as_of":null,"live":true,`) || !strings.HasSuffix(stdout, `"data":{"number":7,"at":"2026-11-29T02:28:34Z"}}`+"\n") {
		t.Errorf("prints %q", stdout)
	}
	_, stderr := invoke(t, exitFailed, "flush", at, "--token-file", file(t, "wrong"))
	if !strings.Contains(stderr, `the token \x1b[2J may only read; use one of the role operate`) {
		t.Errorf("says %q", stderr)
	}
	asked := len(c.asked)
	if _, stderr = invoke(t, exitFailed, "flush", at); !strings.Contains(stderr, "a change needs a token") || len(c.asked) != asked {
		t.Errorf("says %q", stderr)
	}
	for _, line := range []string{"debug on", "debug off x", "debug a b", "drain now", "drain --for 2h", "mute", "flush x"} {
		invoke(t, exitUsage, append(strings.Fields(line), at, "--token-file", right)...)
	}
	invoke(t, exitFailed, "flush", "--at=127.0.0.1:"+answers(t, 200, "<html>"), "--token-file", right)
}
