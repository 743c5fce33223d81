// Package page serves the live page of the monitor. It only serves static files: a browser that shows the page gets all
// data from the JSON API.
//
//	p := page.New()
//	if p.Has(r.URL.Path) {
//		p.ServeHTTP(w, r)
//	}
//
// The files are in the directory assets. The script consists of small modules:
//
//	app.js       reads data from the API and passes it to the parts of the page
//	live.js      gets new data from the daemon, with a stream or by polling
//	api.js       sends a query, with a token if necessary
//	health.js panels.js sinks.js traffic.js explorer.js name.js tables.js   parts of the page, from top to bottom
//	plot.js lines.js dom.js words.js   functions that several parts use
//
// The Content-Security-Policy allows only scripts, styles and data from the monitor's own address, and nothing inline.
// So the script creates elements and sets their text. It never parses HTML.
//
// The directory assets/uplot contains an unchanged copy of uPlot from npm. A test compares it with the package.
package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/internal/accept"
)

//go:embed assets
var assets embed.FS

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

// Page serves the files of the page. New creates it.
type Page struct {
	// files returns all files. They are loaded at the first request, so an unused page costs nothing.
	files func() map[string]*file
}

// file is a file in the form in which it is sent.
type file struct {
	kind          string // Content-Type
	tag           string // hash of the content
	plain, zipped []byte
}

// New returns a Page.
func New() *Page { return &Page{files: sync.OnceValue(load)} }

// Has reports whether the page has a file with the given path. "/" is the page itself.
func (p *Page) Has(at string) bool {
	info, err := fs.Stat(assets, name(at))
	return err == nil && !info.IsDir()
}

// name returns the name of the file for a path.
func name(at string) string {
	if at == "/" {
		at = "/index.html"
	}
	return "assets" + at
}

// ServeHTTP answers GET and HEAD requests. Browsers cache the files, and ask each time whether they
// have changed.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := p.files()[name(r.URL.Path)]
	if f == nil {
		http.Error(w, "the page has no such file", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Content-Security-Policy", policy)
	h.Set("Cache-Control", "no-cache")
	h.Set("Vary", "Accept-Encoding")
	content, tag := f.plain, f.tag
	if accept.Gzip(r.Header.Values("Accept-Encoding")) {
		content, tag = f.zipped, f.tag+"-gzip"
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// load reads and compresses all files.
func load() map[string]*file {
	files := map[string]*file{}
	_ = fs.WalkDir(assets, "assets", func(at string, d fs.DirEntry, err error) error { // never fails, because the files are embedded
		if err != nil || d.IsDir() {
			return err
		}
		content, err := assets.ReadFile(at)
		files[at] = newFile(at, content)
		return err
	})
	return files
}

func newFile(at string, content []byte) *file {
	sum := sha256.Sum256(content)
	f := &file{kind: "text/plain; charset=utf-8", tag: hex.EncodeToString(sum[:8]), plain: content}
	if kind := kinds[path.Ext(at)]; kind != "" {
		f.kind = mime.FormatMediaType(kind, map[string]string{"charset": "utf-8"})
	}
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // never fails, because the level is valid
	_, _ = z.Write(content)                               // writing to memory never fails
	_ = z.Close()
	f.zipped = b.Bytes()
	return f
}

// kinds maps file name extensions to content types. Package mime is not used, because its types
// depend on the host.
var kinds = map[string]string{".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
