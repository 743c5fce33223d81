package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func newRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }

// check sends a request to an API, and checks that the answer is JSON in one line of ASCII.
func check(t *testing.T, a *API, r *http.Request) {
	t.Helper()
	w := newRecorder()
	a.ServeHTTP(w, r)
	text := w.Body.String()
	if !json.Valid([]byte(text)) || w.Code >= 500 || strings.Count(text, "\n") != 1 || strings.ContainsFunc(text, func(c rune) bool { return c > 0x7e || c < ' ' && c != '\n' }) {
		t.Errorf("%s %s: %d %q", r.Method, r.URL, w.Code, text)
	}
}

func FuzzParameters(f *testing.F) {
	for _, query := range []string{"text=a%3A1", "text=a&text=b", "limit=1&match=%00", "limit=99999999999999999999", "%", "a;b", "text=%FF&bad=maybe"} {
		f.Add(query)
	}
	_, a := newFake(f)
	f.Fuzz(func(t *testing.T, query string) {
		for _, path := range []string{"explain", "values", "figures"} {
			r := httptest.NewRequest("GET", Root+path, nil)
			r.URL.RawQuery = query
			check(t, a, r)
		}
	})
}

func FuzzBody(f *testing.F) {
	for _, body := range []string{"{}", `{"match":"a","seconds":5,"off":true}`, `{"match":{}}`, "[1", "\xff", `{"a":1}x`, `{"seconds":1e999}`, `{"match":"\ud800"}`} {
		f.Add(body)
	}
	_, a := newFake(f)
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest("POST", Root+"names/mute", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer operating")
		r.Header.Set("Content-Type", "application/json")
		check(t, a, r)
	})
}
