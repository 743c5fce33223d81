package httpgate_test

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/httpgate"
	"github.com/statsd-ops/statsd/internal/httpgate/httpgatetest"
	"github.com/statsd-ops/statsd/internal/wait"
)

func TestMain(m *testing.M) {
	wait.Beside()
	m.Run()
}

func TestServer(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	addr := counterpart.FreeAddress(t).String()
	s, err := httpgate.Listen(httpgate.Config{Addr: addr, AnswerTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-answer
		_, _ = io.WriteString(w, "answer")
	})})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := httpgate.Listen(httpgate.Config{Addr: addr}); err == nil || !strings.HasPrefix(err.Error(), "listen on tcp "+addr+": bind: address already in use") {
		t.Errorf("on an address that is taken: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	go func() {
		<-asked
		stop()
		close(answer)
	}()
	response, err := http.Get("http://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, err := io.ReadAll(response.Body); string(text) != "answer" || err != nil {
		t.Errorf("answered %q, %v", text, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if s, err = httpgate.Listen(httpgate.Config{Addr: addr}); err != nil {
		t.Fatalf("the address is still taken: %v", err)
	}
	_ = s.Gate.Close()
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("on a listener that fails: %v", err)
	}
}

// serve runs a server until the test ends, and returns its address. The handler only reads the body
// of each request.
func serve(t *testing.T, cfg httpgate.Config) string {
	t.Helper()
	cfg.Addr, cfg.AnswerTimeout = "127.0.0.1:0", time.Minute
	cfg.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		_, _ = io.WriteString(w, "answer")
	})
	s, err := httpgate.Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s.Addr().String()
}

func TestProtections(t *testing.T) {
	t.Parallel()
	httpgatetest.Check(t, serve(t, httpgate.Config{}), "/")
}

// TestAllListeners checks the source code of this repository. Only package httpgate may serve HTTP,
// and each package that uses it must have a test that calls httpgatetest.Check.
func TestAllListeners(t *testing.T) {
	listeners, checked := map[string]bool{}, map[string]bool{}
	parse := func(path string) {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Dir(path)
		test := strings.HasSuffix(path, "_test.go")
		ast.Inspect(file, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			name, ok := s.X.(*ast.Ident)
			switch {
			case !ok:
			case name.Name == "httpgate" && s.Sel.Name == "Listen" && !test:
				listeners[dir] = true
			case name.Name != "http" && name.Name != "httpgatetest":
			case name.Name == "httpgatetest" && strings.HasPrefix(s.Sel.Name, "Check"):
				checked[dir] = true
			case !test && slices.Contains([]string{"Server", "Serve", "ServeTLS", "ListenAndServe", "ListenAndServeTLS"}, s.Sel.Name):
				t.Errorf("%s uses http.%s: serve through internal/httpgate", path, s.Sel.Name)
			}
			return true
		})
	}
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", ".counterparts", "examples", "tools", "internal/gate", "internal/httpgate"}, path):
			return fs.SkipDir
		case path == "bench/otlp.go": // not checked, because this fake collector must accept large payloads, and many requests per connection
		case !d.IsDir() && strings.HasSuffix(path, ".go"):
			parse(filepath.Join("../..", path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(listeners) == 0 {
		t.Error("no package serves HTTP")
	}
	for dir := range listeners {
		if !checked[dir] {
			t.Errorf("no test in %s calls httpgatetest.Check", dir)
		}
	}
}
