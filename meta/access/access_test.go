package access

import (
	"crypto/sha256"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/meta/question"
)

// line returns a line of a token file.
func line(role, name, token string) string {
	return fmt.Sprintf("%s %s %x\n", role, name, sha256.Sum256([]byte(token)))
}

func parse(t testing.TB, text string) *Tokens {
	t.Helper()
	tokens, err := ParseTokens([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestParseTokens(t *testing.T) {
	tokens := parse(t, "# the team\n\n  "+line("read", "page", "one")+line("operate", "alice@ops", "two"))
	for given, want := range map[string]string{"one": "page 1", "two": "alice@ops 2", "three": " 0", "": " 0", "one ": " 0"} {
		if name, role := tokens.find(given); fmt.Sprint(name, " ", role) != want {
			t.Errorf("token %q: got %s %d, want %s", given, name, role, want)
		}
	}
	good := line("read", "page", "one")
	for text, want := range map[string]string{
		"":                                     "no token",
		"# only a comment":                     "no token",
		"read page":                            "line 1: it has 2 words",
		good + "root x 1":                      "line 2: the first word is not a role",
		"read pa/ge 00":                        "the second word is not a name",
		"read page abc":                        "the third word is not a SHA-256",
		"read page secret-token":               "the third word is not a SHA-256",
		good + good:                            "the name page is given twice",
		good + line("operate", "other", "one"): "the token of other is given twice",
		strings.Repeat("x", 300):               "it has 1 words",
		"read " + strings.Repeat("x", 65) + " 00": "the second word is not a name",
	} {
		_, err := ParseTokens([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: got %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret-token") {
			t.Errorf("%q: the error shows the secret", err)
		}
	}
	var many strings.Builder
	for i := range maxTokens + 1 {
		many.WriteString(line("read", fmt.Sprint("n", i), fmt.Sprint("t", i)))
	}
	if _, err := ParseTokens([]byte(many.String())); err == nil {
		t.Error("the number of tokens has no limit")
	}
}

func TestReadTokens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	write := func(mode os.FileMode, text string) {
		t.Helper()
		_ = os.Remove(path)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ReadTokens(path); err == nil {
		t.Error("a file that does not exist was read")
	}
	for mode, want := range map[os.FileMode]string{0o600: "", 0o400: "", 0o640: "mode 0640", 0o604: "mode 0604", 0o620: "mode 0620", 0o644: "chmod 600"} {
		write(mode, line("read", "page", "one"))
		if _, err := ReadTokens(path); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("mode %o: got %v, want %q", mode, err, want)
		}
	}
	write(0o600, strings.Repeat("#\n", maxFile))
	if _, err := ReadTokens(path); err == nil || !strings.Contains(err.Error(), "more than 65536 bytes") {
		t.Errorf("a large file: %v", err)
	}
	write(0o600, "nonsense")
	if _, err := ReadTokens(path); err == nil || !strings.HasPrefix(err.Error(), path+": line 1: ") {
		t.Errorf("got %v", err)
	}
	if os.Geteuid() == 0 {
		write(0o600, line("read", "page", "one"))
		if err := os.Chown(path, 12345, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadTokens(path); err == nil || !strings.Contains(err.Error(), "belongs to user 12345") {
			t.Errorf("of another user: %v", err)
		}
	}
}

func FuzzParseTokens(f *testing.F) {
	f.Add([]byte(line("read", "page", "one")))
	f.Add([]byte("operate a 00\n#\n\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		tokens, err := ParseTokens(text)
		if err != nil {
			return
		}
		for _, one := range tokens.all {
			if !isName(one.name) || one.name == "" || one.role == Nobody {
				t.Errorf("%q gives %+v", text, one)
			}
		}
	})
}

// TestCheck checks each kind of access with each address of the monitor and each token.
func TestCheck(t *testing.T) {
	tokens := parse(t, line("read", "page", "reading")+line("operate", "alice", "operating"))
	const free, noToken, wrongRole = "", string(question.NoToken), string(question.WrongRole)
	for _, tt := range []struct {
		addr   string
		tokens *Tokens
		header string
		want   [4]string // whether Nothing, Reading, Guarded and Changing are allowed
	}{
		{"127.0.0.1:1", nil, "", [4]string{free, free, free, wrongRole}},
		{"[::1]:1", nil, "Bearer operating", [4]string{free, free, free, wrongRole}},
		{"127.0.0.1:1", tokens, "", [4]string{free, free, free, noToken}},
		{"127.0.0.1:1", tokens, "Bearer reading", [4]string{free, free, free, wrongRole}},
		{"127.0.0.1:1", tokens, "bearer  operating", [4]string{}},
		{"127.0.0.1:1", tokens, "Bearer wrong", [4]string{free, free, free, noToken}},
		{"192.0.2.1:1", nil, "", [4]string{free, free, noToken, wrongRole}},
		{"0.0.0.0:1", nil, "Bearer reading", [4]string{free, free, noToken, wrongRole}},
		{"0.0.0.0:1", tokens, "", [4]string{free, noToken, noToken, noToken}},
		{"[::]:1", tokens, "Bearer wrong", [4]string{free, noToken, noToken, noToken}},
		{"[::]:1", tokens, "Basic reading", [4]string{free, noToken, noToken, noToken}},
		{"[::]:1", tokens, "Bearer", [4]string{free, noToken, noToken, noToken}},
		{"[::]:1", tokens, "Bearer " + strings.Repeat("x", 2000), [4]string{free, noToken, noToken, noToken}},
		{"[::]:1", tokens, "Bearer reading", [4]string{free, free, free, wrongRole}},
		{"[::ffff:127.0.0.1]:1", tokens, "", [4]string{free, free, free, noToken}},
		{"[::]:1", tokens, "Bearer operating", [4]string{}},
	} {
		g := NewGuard(tt.tokens)
		addr, err := net.ResolveTCPAddr("tcp", tt.addr)
		if err != nil {
			t.Fatal(err)
		}
		g.Bound(addr)
		r := httptest.NewRequest("GET", "/", nil)
		if tt.header != "" {
			r.Header.Set("Authorization", tt.header)
		}
		for need, want := range tt.want {
			who, err := g.Check(r, Need(need))
			code := ""
			if err != nil {
				code = string(err.Code)
			}
			if code != want || err == nil && strings.HasSuffix(tt.header, "operating") && tt.tokens != nil && who != "alice" {
				t.Errorf("on %s, tokens %v, %.30q, need %d: %q %q, want %q", tt.addr, tt.tokens != nil, tt.header, need, who, code, want)
			}
		}
	}
}

// A request with two Authorization headers is treated like a request without such a header, because
// a proxy may have checked only one of the two.
func TestTwoHeaders(t *testing.T) {
	g := NewGuard(parse(t, line("operate", "alice", "operating")))
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Add("Authorization", "Bearer operating")
	r.Header.Add("Authorization", "Bearer other")
	if _, err := g.Check(r, Changing); err == nil {
		t.Error("accepted")
	}
}

func TestTrail(t *testing.T) {
	told := 0
	trail := Trail{Tell: func(question.Audit) { told++ }}
	now := time.Now()
	trail.Add(question.Audit{Time: now, Who: "alice", Change: "flush", Result: "done"}, false)
	trail.Add(question.Audit{Time: now, Who: "alice", Change: "flush", Result: "done"}, false)
	for i := range 1000 {
		for _, change := range []string{"flush", "drain", "reload"} {
			trail.Add(question.Audit{Time: now, Address: fmt.Sprint("192.0.2.1:", i), Change: change, Result: "refused: no token"}, true)
		}
	}
	last := trail.Last()
	if len(last) != 5 || told != 5 || last[0].Result != "refused: no token (1000 times)" || last[4].Who != "alice" {
		t.Errorf("reported %d, kept %+v", told, last)
	}
	trail.Add(question.Audit{Time: now.Add(2 * time.Minute), Address: "192.0.2.1:9", Change: "flush", Result: "refused: no token"}, true)
	if len(trail.Last()) != 6 {
		t.Error("a refusal some minutes later is not a separate entry")
	}
	for i := range 2 * maxTrail {
		trail.Add(question.Audit{Time: now, Args: fmt.Sprint(i)}, false)
	}
	if last := trail.Last(); len(last) != maxTrail || last[0].Args != fmt.Sprint(2*maxTrail-1) {
		t.Errorf("kept %d, the newest %+v", len(last), last[0])
	}
}
