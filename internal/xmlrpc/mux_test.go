package xmlrpc

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// echo returns a Mux with the methods that the captured requests call.
func echo() *Mux {
	first := func(_ context.Context, params []Value) (Value, error) { return params[0], nil }
	mixed := []string{"string", "int", "string", "double", "struct"}
	return NewMux(
		Method{Name: "t.body", Help: "Returns its struct.", Signature: mixed, Call: func(_ context.Context, p []Value) (Value, error) { return p[3], nil }},
		Method{Name: "t.i8", Help: "Returns a big number.", Signature: mixed, Call: func(context.Context, []Value) (Value, error) { return Int(1 << 40), nil }},
		Method{Name: "t.nil", Signature: mixed, Call: func(context.Context, []Value) (Value, error) { return String("\x00<&>\u00e9"), nil }},
		Method{Name: "t.fault", Signature: mixed, Call: func(context.Context, []Value) (Value, error) { return nil, &Fault{7, "no <luck>"} }},
		Method{Name: "echo", Signature: []string{"string", "string"}, Call: first},
		Method{Name: "broken", Signature: []string{"int"}, Call: func(context.Context, []Value) (Value, error) { return nil, errors.New("disk on fire") }},
	)
}

// capture is a recorded request of a real client.
type capture struct{ file, raw, body string }

// captures returns all recorded requests in testdata.
func captures(t testing.TB) (all []capture) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.http")
	if err != nil || len(files) != 4 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for len(raw) > 0 {
			in := bufio.NewReader(bytes.NewReader(raw))
			r, err := http.ReadRequest(in)
			if err != nil {
				t.Fatal(file, err)
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Fatal(file, err)
			}
			head := bytes.Index(raw, []byte("\r\n\r\n")) + 4
			all = append(all, capture{filepath.Base(file), string(raw[:head+len(body)]), string(body)})
			raw = raw[head+len(body):]
		}
	}
	return all
}

func TestCaptures(t *testing.T) {
	want := map[string]string{
		"t.body":             "<value><struct><member><name>k</name><value><array><data><value><int>1</int></value><value><int>2</int></value></data></array></value></member></struct></value>",
		"t.i8":               "<value><double>1099511627776</double></value>",
		"t.nil":              "<value><string>\ufffd&lt;&amp;&gt;\u00e9</string></value>",
		"t.fault":            "<value><int>7</int></value>",
		"system.listMethods": "<value><string>t.body</string></value>",
		"statsd.put":         "<value><int>-32601</int></value>",
		"system.multicall":   "no method \"b\"",
	}
	mux := echo()
	all := captures(t)
	if len(all) != 15 {
		t.Fatalf("%d captured requests, want 15", len(all))
	}
	for _, c := range all {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(c.raw)))
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		parsed, fault := parseCall(strings.NewReader(c.body))
		if fault != nil {
			t.Errorf("%s: %v", c.file, fault)
			continue
		}
		if got := w.Body.String(); w.Code != 200 || !strings.Contains(got, want[parsed.method]) {
			t.Errorf("%s: %s is answered with %d %s, want %s in it", c.file, parsed.method, w.Code, got, want[parsed.method])
		}
	}
}

// post sends a POST request with body to the Mux of echo.
func post(contentType, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/any/path", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	echo().ServeHTTP(w, r)
	return w
}

func methodCall(name, params string) string {
	return "<methodCall><methodName>" + name + "</methodName><params>" + params + "</params></methodCall>"
}

func TestAnswers(t *testing.T) {
	param := func(v string) string { return "<param><value>" + v + "</value></param>" }
	member := func(name, v string) string {
		return "<member><name>" + name + "</name><value>" + v + "</value></member>"
	}
	calls := func(structs ...string) string {
		var b strings.Builder
		for _, s := range structs {
			b.WriteString("<value><struct>" + s + "</struct></value>")
		}
		return methodCall(multicall, param("<array><data>"+b.String()+"</data></array>"))
	}
	for _, tt := range []struct{ why, body, want string }{
		{"no such method", methodCall("nope", ""), "<int>-32601</int>"},
		{"a name of mark-up", methodCall("&lt;b&gt;", ""), "no method &#34;&lt;b&gt;&#34;"},
		{"a name beyond ASCII", methodCall("\u202e\u00e9", ""), `no method "\u202e\u00e9"`},
		{"too few parameters", methodCall("echo", ""), "<int>-32602</int>"},
		{"too many parameters", methodCall("broken", param("1")), "<int>-32602</int>"},
		{"the wrong type", methodCall("echo", param("<int>1</int>")), "parameter 1 has the type int, and must be string"},
		{"an error", methodCall("broken", ""), "broken: disk on fire"},
		{"help", methodCall("system.methodHelp", param("t.i8")), "<string>Returns a big number.</string>"},
		{"help on nothing", methodCall("system.methodHelp", param("x")), "<int>-32601</int>"},
		{"a signature", methodCall("system.methodSignature", param("echo")),
			"<value><array><data><value><array><data><value><string>string</string></value><value><string>string</string></value></data></array></value></data></array></value>"},
		{"a multicall of nothing", calls(), "<array><data></data></array>"},
		{"a multicall", calls(member("methodName", "echo") + member("params", "<array><data><value>hi</value></data></array>")),
			"<value><array><data><value><string>hi</string></value></data></array></value>"},
		{"a multicall without params", calls(member("methodName", "broken")), "<int>-32500</int>"},
		{"a multicall without name", calls(member("params", "x")), "<int>-32602</int>"},
		{"a multicall in a multicall", calls(member("methodName", multicall)), "system.multicall inside system.multicall is not allowed"},
		{"a multicall of too many", calls(strings.Split(strings.Repeat(",", maxCalls), ",")...), "takes at most 32 calls, not 33"},
		{"too large", strings.Repeat(" ", maxBody+1) + methodCall("echo", ""), "a request has at most 65536 bytes"},
	} {
		w := post("text/xml; charset=utf-8", tt.body)
		if w.Code != 200 || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s: got %d %s, want %s in it", tt.why, w.Code, w.Body, tt.want)
		}
	}
}

func TestHTTP(t *testing.T) {
	for contentType, code := range map[string]int{
		"text/xml": 200, "TEXT/XML; charset=utf-8": 200, "application/xml": 200, "application/rpc+xml": 200,
		"": 415, "text/plain": 415, "application/x-www-form-urlencoded": 415, "multipart/form-data": 415, "text/xml;;": 415,
	} {
		if w := post(contentType, methodCall("echo", "")); w.Code != code {
			t.Errorf("Content-Type %q gets %d, want %d", contentType, w.Code, code)
		}
	}
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT"} {
		w := httptest.NewRecorder()
		echo().ServeHTTP(w, httptest.NewRequest(method, "/", nil))
		if w.Code != 405 || w.Header().Get("Allow") != "POST" || w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s gets %d %v", method, w.Code, w.Header())
		}
	}
}

// TestDeclaredLength checks that the body is not read if the Content-Length header exceeds the
// limit.
func TestDeclaredLength(t *testing.T) {
	body := strings.NewReader("<")
	r := httptest.NewRequest("POST", "/", body)
	r.ContentLength = 1 << 30
	r.Header.Set("Content-Type", "text/xml")
	w := httptest.NewRecorder()
	echo().ServeHTTP(w, r)
	if w.Code != 200 || !strings.Contains(w.Body.String(), "<int>-32600</int>") || body.Len() != 1 {
		t.Errorf("got %d %s, with %d bytes unread", w.Code, w.Body, body.Len())
	}
}
