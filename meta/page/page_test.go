package page

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
)

func get(p *Page, path string, headers ...string) *httptest.ResponseRecorder {
	r, w := httptest.NewRequest("GET", path, nil), httptest.NewRecorder()
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	p.ServeHTTP(w, r)
	return w
}

// paths returns the paths of all files of the page.
func paths(t *testing.T) (all []string) {
	err := fs.WalkDir(assets, "assets", func(at string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, strings.TrimPrefix(at, "assets"))
		}
		return err
	})
	if err != nil || len(all) < 10 {
		t.Fatalf("%d files, %v", len(all), err)
	}
	return append(all, "/")
}

func TestFiles(t *testing.T) {
	p := New()
	for _, path := range paths(t) {
		if !p.Has(path) {
			t.Errorf("%s is not one of its files", path)
		}
		plain, zipped := get(p, path), get(p, path, "Accept-Encoding", "br;q=1, gzip;q=0.5")
		z, err := gzip.NewReader(zipped.Body)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		content, err := io.ReadAll(z)
		if err != nil || plain.Code != 200 || zipped.Code != 200 || !bytes.Equal(content, plain.Body.Bytes()) {
			t.Errorf("%s: %d and %d, %v, or other content when compressed", path, plain.Code, zipped.Code, err)
		}
		if zipped.Header().Get("Content-Encoding") != "gzip" || plain.Header().Get("Content-Encoding") != "" {
			t.Errorf("%s: encoded as %q and %q", path, zipped.Header(), plain.Header())
		}
		for _, a := range []*httptest.ResponseRecorder{plain, zipped} {
			tag := a.Header().Get("ETag")
			if again := get(p, path, "Accept-Encoding", a.Header().Get("Content-Encoding"), "If-None-Match", tag); again.Code != http.StatusNotModified || again.Body.Len() > 0 {
				t.Errorf("%s with its own tag %s: %d, %d bytes", path, tag, again.Code, again.Body.Len())
			}
			if old := get(p, path, "If-None-Match", `"old"`); old.Code != 200 {
				t.Errorf("%s with another tag: %d", path, old.Code)
			}
		}
		if plain.Header().Get("ETag") == zipped.Header().Get("ETag") {
			t.Errorf("%s: both encodings have one tag", path)
		}
	}
	for _, path := range []string{"/plain", "/uplot", "/uplot/", "/../page.go", "/..", "", "/assets/app.js", "/app"} {
		if p.Has(path) {
			t.Errorf("%q is one of its files", path)
		}
	}
	if a := get(p, "/nothing"); a.Code != http.StatusNotFound {
		t.Errorf("an unknown file: %d", a.Code)
	}
}

// TestStrict checks the rules that the Content-Security-Policy requires. The page has no inline
// scripts and styles, and the script does not parse HTML.
func TestStrict(t *testing.T) {
	p := New()
	html := get(p, "/").Body.String()
	for _, forbidden := range []string{`<script>`, `<style`, `style="`, `javascript:`} {
		if strings.Contains(html, forbidden) {
			t.Errorf("the page contains %s", forbidden)
		}
	}
	if !regexp.MustCompile(`<noscript>.*href="plain".*</noscript>`).MatchString(html) {
		t.Error("the page does not lead to the one without scripts")
	}
	if on := regexp.MustCompile(`\son[a-z]+=`).FindString(html); on != "" {
		t.Errorf("the page has an inline listener:%s", on)
	}
	makes := regexp.MustCompile(`innerHTML *=|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function`)
	for _, path := range paths(t) {
		a := get(p, path)
		if got := a.Header().Get("Content-Security-Policy"); got != policy {
			t.Errorf("%s: the policy is %q", path, got)
		}
		if strings.HasSuffix(path, ".js") && !strings.HasPrefix(path, "/uplot/") {
			if found := makes.FindString(a.Body.String()); found != "" {
				t.Errorf("%s uses %s", path, found)
			}
		}
	}
}

// TestSmall limits the size of the page, because it is also loaded over slow networks.
func TestSmall(t *testing.T) {
	const limit = 64 << 10
	sum, p := 0, New()
	for _, path := range paths(t)[1:] {
		sum += get(p, path, "Accept-Encoding", "gzip").Body.Len()
	}
	if sum > limit {
		t.Errorf("the page has %d bytes compressed, more than %d", sum, limit)
	}
}

// TestVendored compares the copy of uPlot with its npm package.
func TestVendored(t *testing.T) {
	const version = "1.6.32"
	soak.Slow(t)
	npm := counterpart.Find(t, "npm")
	tar := counterpart.Find(t, "tar")
	dir := t.TempDir()
	for _, command := range [][]string{
		{npm, "pack", "--silent", "uplot@" + version},
		{tar, "-xzf", "uplot-" + version + ".tgz"},
	} {
		cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", command, err, out)
		}
	}
	for file, of := range map[string]string{
		"uPlot.iife.min.js": "dist/uPlot.iife.min.js", "uPlot.min.css": "dist/uPlot.min.css", "LICENSE": "LICENSE",
	} {
		want, err := os.ReadFile(filepath.Join(dir, "package", filepath.FromSlash(of)))
		if err != nil {
			t.Fatal(err)
		}
		if got := get(New(), "/uplot/"+file).Body.Bytes(); !bytes.Equal(got, want) {
			t.Errorf("assets/uplot/%s differs from %s of uplot@%s", file, of, version)
		}
	}
}
