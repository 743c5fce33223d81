package meta

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed" // for plain.html and plain.css
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

//go:embed plain.html
var plainHTML string

//go:embed plain.css
var plainCSS string

// These are the limits of the page.
const (
	plainValues = 25  // maximum number of values without a filter
	plainFound  = 200 // maximum number of values with a filter
	plainLines  = 20  // maximum number of bad lines
)

// plainPage serves the page without scripts at /plain.
type plainPage struct {
	template *template.Template
	policy   string
}

func newPlain() *plainPage {
	// The policy allows only the page's own style sheet: no scripts, no frames, and no other content.
	sum := sha256.Sum256([]byte(plainCSS))
	return &plainPage{
		template: template.Must(template.New("plain").Parse(plainHTML)),
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	}
}

func (p *plainPage) serve(w http.ResponseWriter, r *http.Request, m *Monitor) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", p.policy)
	v := m.view(r.URL.Query(), time.Now())
	if v.Refresh {
		h.Set("Refresh", "10")
	}
	var b bytes.Buffer
	if err := p.template.Execute(&b, v); err != nil {
		http.Error(w, "the page cannot be created: "+err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(b.Bytes()) // fails only if the client has disconnected
}

// view is the content of the page.
type view struct {
	CSS                  template.CSS
	Version, Now, Uptime string
	Health               Health
	Headline, Mood       string
	Troubles             []troubleRow
	Query                string
	Refresh              bool
	Tiles                []tile
	Sinks                *sinkTable
	Cluster              *clusterView
	Alerts               []alertRow
	Values               []valueRow
	Shown                string
	Reasons, Figures     []figureRow
	Lines                []lineRow
	Refused              []refusalRow
	Collisions           []string
}

type valueRow struct{ Path, Value, Age string }

type lineRow struct{ Line, Reason, Sender, Age string }

type refusalRow struct{ Limit, Prefix, Count string }

type troubleRow struct{ Text, Mood, Since, Effect, Next, Clears string }

type figureRow struct{ Name, Value, Rate string }

// Link returns the address of the page. If the parameter refresh is true, the page at this address
// reloads itself.
func (v view) Link(refresh bool) string {
	q := url.Values{}
	if v.Query != "" {
		q.Set("q", v.Query)
	}
	if refresh {
		q.Set("refresh", "1")
	}
	return "/plain?" + q.Encode()
}

func (m *Monitor) view(query url.Values, now time.Time) view {
	figures := m.source.Figures()
	slices.SortFunc(figures, func(a, b Figure) int { return cmp.Compare(a.Name, b.Name) })
	v := view{
		CSS:     template.CSS(plainCSS),
		Version: m.version,
		Now:     now.UTC().Format(time.DateTime),
		Query:   query.Get("q"),
		Refresh: query.Get("refresh") != "",
		Tiles:   tiles(figures, m.values.Flushed(), now),
		Sinks:   sinks(figures),
		Figures: figureRows(figures),
		Alerts:  m.alertRows(now),
		Cluster: m.cluster(now),
	}
	v.Health = m.source.Health()
	v.Headline, v.Mood = headline(v.Health, now)
	v.Troubles = troubleRows(v.Health, now)
	if start := valueOf(figures, "start_time"); start > 0 {
		v.Uptime = span(now.Sub(unixTime(start)))
	}
	v.Values, v.Shown = m.valueRows(v.Query, now)
	d := m.source.Discards()
	v.Reasons = reasonRows(d.Reasons)
	v.Collisions = d.Collisions
	v.Refused = refusalRows(d.Refused)
	for _, l := range d.Lines[:min(len(d.Lines), plainLines)] {
		v.Lines = append(v.Lines, lineRow{Quote(l.Line), l.Reason, l.sender(), span(now.Sub(l.Time)) + " ago"})
	}
	return v
}

const noValues = "No values yet. This page shows values after the next flush."

// valueRows returns the latest values whose path contains the text in the parameter part. It also
// returns a note about the values that are not shown.
func (m *Monitor) valueRows(part string, now time.Time) (rows []valueRow, shown string) {
	all := m.values.Last()
	if len(all) == 0 {
		return nil, noValues
	}
	// Without a filter, omit the daemon's own figures, because they have their own table
	limit, without := plainValues, m.own
	if part != "" {
		limit, without = plainFound, ""
	}
	shownValues, found := newest(all, limit, func(path string) bool {
		return strings.Contains(path, part) && (without == "" || !strings.HasPrefix(path, without))
	})
	if found == 0 && part == "" {
		return nil, noValues
	}
	for _, v := range shownValues {
		rows = append(rows, valueRow{v.Path, grouped(v.Value), span(now.Sub(time.Unix(v.Time, 0))) + " ago"})
	}
	return rows, shownText(len(rows), found, m.values.Missed())
}

// newest returns the latest values with a wanted path, at most limit, and the number of all wanted
// values.
func newest(values []Value, limit int, wanted func(path string) bool) (top []Value, found int) {
	for _, v := range values {
		if !wanted(v.Path) {
			continue
		}
		found++
		if len(top) == limit {
			if top[limit-1].Time >= v.Time {
				continue
			}
			top = top[:limit-1]
		}
		i, _ := slices.BinarySearchFunc(top, v.Time, func(t Value, time int64) int {
			if t.Time >= time {
				return -1
			}
			return 1
		})
		top = slices.Insert(top, i, v)
	}
	return top, found
}
