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

// TestTLS asks over https, with and without the right authority.
func TestTLS(t *testing.T) {
	f := startFake(t)
	server := httptest.NewTLSServer(f.Config.Handler)
	defer server.Close()
	ca := file(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	at := "--at=https://" + server.Listener.Addr().String() + "/"
	invoke(t, exitOK, "sinks", at, "--ca", ca)
	if _, stderr := invoke(t, exitFailed, "sinks", at); !strings.Contains(stderr, "give the certificate of its authority with --ca") {
		t.Errorf("says %q", stderr)
	}
	for want, args := range map[string][]string{
		"--ca is for https":             {f.at(), "--ca", ca},
		"want certificates in PEM form": {at, "--ca", file(t, "none")},
		"--ca: open /nowhere":           {at, "--ca=/nowhere"},
	} {
		if _, stderr := invoke(t, exitUsage, append([]string{"sinks"}, args...)...); !strings.Contains(stderr, want) {
			t.Errorf("%s: says %q, want %q", args, stderr, want)
		}
	}
}

// TestToken sends the token that is in a file.
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
		if _, stderr := invoke(t, exitUsage, "sinks", f.at(), "--token-file", file(t, content)); !strings.Contains(stderr, "want the token on the first line") {
			t.Errorf("%.20q: says %q", content, stderr)
		}
	}
}

// changeServer answers changes like the JSON API, and keeps what it was asked.
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
	_, _ = w.Write([]byte(`{"api":1,"as_of":null,"live":true,"took_ms":0,"looked_at":null,"complete":true,"data":{"matched":12300,"names":["a.b","c\u001b"],"until":null}}`))
}

// TestChanges checks what each change asks for, and what it prints.
func TestChanges(t *testing.T) {
	c := &changeServer{}
	server := httptest.NewServer(c)
	defer server.Close()
	at, right := "--at="+server.Listener.Addr().String(), file(t, "right")
	for line, want := range map[string]string{
		"debug on a.*":              `debug application/json {"match":"a.*","seconds":600}`,
		"debug off":                 `debug application/json {"off":true}`,
		"mute a.* --for 2m":         `names/mute application/json {"match":"a.*","seconds":120}`,
		"unmute a.*":                `names/unmute application/json {"match":"a.*"}`,
		"delete a.*":                `names/delete application/json {"dry_run":true,"kind":"all","match":"a.*"}`,
		"delete --yes --kind=set a": `names/delete application/json {"dry_run":false,"kind":"set","match":"a"}`,
		"flush":                     `flush application/json {}`,
		"reload --dry-run":          `reload application/json {"dry_run":true}`,
		"drain":                     `drain application/json {"seconds":600}`,
		"drain off":                 `drain application/json {"off":true}`,
	} {
		words := strings.Fields(line)
		stdout, _ := invoke(t, exitOK, append(words, at, "--token-file", right)...)
		if got := c.asked[len(c.asked)-1]; got != "POST /api/v1/"+want {
			t.Errorf("%s: asks %s", line, got)
		}
		if !strings.Contains(stdout, "matched       12,300\n") || !strings.Contains(stdout, `names         a.b, c\x1b`) {
			t.Errorf("%s: prints %q", line, stdout)
		}
	}
	stdout, _ := invoke(t, exitOK, "flush", "--json", at, "--token-file", right)
	if stdout != `{"matched":12300,"names":["a.b","c\u001b"],"until":null}`+"\n" {
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
