package xmlrpc

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// waiting returns a Mux with a method that has optional parameters and may wait.
func waiting() *Mux {
	return NewMux(Method{
		Name: "watch", Signature: []string{"int", "string", "int", "int"}, Optional: 2,
		Takes: func(params []Value) time.Duration {
			if len(params) < 2 {
				return 0
			}
			return time.Duration(params[1].(Int)) * time.Second
		},
		Call: func(_ context.Context, params []Value) (Value, error) { return Int(len(params)), nil },
	})
}

func ask(t *testing.T, m *Mux, method string, params ...string) string {
	t.Helper()
	body := "<methodCall><methodName>" + method + "</methodName><params>"
	for _, p := range params {
		body += "<param><value>" + p + "</value></param>"
	}
	r := httptest.NewRequest("POST", "/", strings.NewReader(body+"</params></methodCall>"))
	r.Header.Set("Content-Type", "text/xml")
	w := httptest.NewRecorder()
	m.ServeHTTP(w, r)
	return w.Body.String()
}

func TestOptionalParameters(t *testing.T) {
	m := waiting()
	params := []string{"a", "<int>3</int>", "<int>4</int>", "<int>5</int>"}
	for n := range 5 {
		got, want := ask(t, m, "watch", params[:n]...), fmt.Sprintf("<int>%d</int>", n)
		if n == 0 || n == 4 {
			want = fmt.Sprintf("watch takes 1 to 3 parameters, not %d", n)
		}
		if !strings.Contains(got, want) {
			t.Errorf("%d parameters: %s, want %s", n, got, want)
		}
	}
	if got := ask(t, m, "watch", "a", "b"); !strings.Contains(got, "parameter 2 has the type string, and must be int") {
		t.Errorf("a wrong type: %s", got)
	}
	signatures := ask(t, m, "system.methodSignature", "watch")
	if strings.Count(signatures, "<data>") != 4 || strings.Count(signatures, "<string>int</string>") != 6 {
		t.Errorf("signatures: %s", signatures)
	}
}

// TestNoWaitInMulticall checks that a method that waits is refused in a multicall. The method would
// delay the other calls in the same multicall.
func TestNoWaitInMulticall(t *testing.T) {
	call := func(seconds string) string {
		return ask(t, waiting(), "system.multicall", "<array><data><value><struct><member><name>methodName</name><value>watch</value></member>"+
			"<member><name>params</name><value><array><data><value>a</value><value><int>"+seconds+"</int></value></data></array></value></member></struct></value></data></array>")
	}
	if got := call("0"); !strings.Contains(got, "<int>2</int>") {
		t.Error(got)
	}
	if got := call("5"); !strings.Contains(got, "watch waits for 5s, which is not allowed inside system.multicall") {
		t.Error(got)
	}
}
