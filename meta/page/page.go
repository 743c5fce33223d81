// Package page serves the live page of the monitor: static files that a browser needs, and nothing
// else. The page asks the JSON API for everything that it shows.
//
//	p := page.New()
//	if p.Has(r.URL.Path) {
//		p.ServeHTTP(w, r)
//
// The files are in assets. The script is made of small modules:
//
//	app.js       reads the API and hands the data to the parts
//	live.js      follows the daemon: one stream, or polling
//	api.js       asks a question, with the token
//	health.js panels.js sinks.js traffic.js explorer.js name.js tables.js   the parts, from top to bottom
//	plot.js lines.js dom.js words.js   what they share
//
// The Content-Security-Policy allows scripts, styles and answers of this address only, and nothing
// inline. So the script makes elements and sets their text. It never parses HTML.
//
// assets/uplot is uPlot from npm, unchanged. A test compares it with the package.
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

// Page serves the files. Make it with New.
type Page struct {
	// files are read when the first browser asks: until then the page costs nothing.
	files func() map[string]*file
}

// file is one file, ready to be sent.
type file struct {
	kind          string // its Content-Type
	tag           string // a hash of its content
	plain, zipped []byte
}

// New returns a Page.
func New() *Page { return &Page{files: sync.OnceValue(load)} }

// Has reports whether the page has a file at that path. "/" is the page itself.
func (p *Page) Has(at string) bool {
	info, err := fs.Stat(assets, name(at))
	return err == nil && !info.IsDir()
}

// name returns the file for a path.
func name(at string) string {
	if at == "/" {
		at = "/index.html"
	}
	return "assets" + at
}

// ServeHTTP answers GET and HEAD. Browsers keep the files, and ask each time whether they changed.
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
	_ = fs.WalkDir(assets, "assets", func(at string, d fs.DirEntry, err error) error { // no error: the files are embedded
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
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is valid
	_, _ = z.Write(content)                               // memory takes everything
	_ = z.Close()
	f.zipped = b.Bytes()
	return f
}

// kinds maps extensions to types. Package mime would use the host's tables, which differ.
var kinds = map[string]string{".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
