package main

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/cmd/statsdmonitor/report/reporttest"
	"github.com/statsd-ops/statsd/internal/xmlrpc"
	"github.com/statsd-ops/statsd/meta/question"
)

// asked contains the arguments of a call to the fake daemon.
type asked struct {
	method string
	params []xmlrpc.Value
}

// fakeDaemon answers all queries with the answers of package reporttest.
type fakeDaemon struct {
	*httptest.Server
	calls  chan asked
	tokens chan string
}

// answerOf describes how the fake daemon answers a query: the parameter types of the XML-RPC method, and the answer.
type answerOf struct {
	signature []string
	frame     question.Answer
	data      any
}

var fakeAnswers = map[string]answerOf{
	"status":    {nil, reporttest.Flushed(), reporttest.Status()},
	"explain":   {[]string{"string", "int"}, reporttest.Live(), reporttest.Explanation()},
	"find":      {[]string{"string", "int", "string", "string"}, reporttest.Flushed(), reporttest.Values()},
	"top":       {[]string{"string", "int", "int", "string"}, reporttest.Probed(), reporttest.Top()},
	"senders":   {[]string{"string", "int", "int"}, reporttest.Probed(), reporttest.Senders()},
	"prefixes":  {[]string{"string", "int", "int"}, reporttest.Live(), reporttest.Prefixes()},
	"discarded": {nil, reporttest.Live(), reporttest.Discards()},
	"rules":     {nil, reporttest.Flushed(), reporttest.Rules()},
	"cluster":   {nil, reporttest.Live(), reporttest.Cluster()},
	"sinks":     {nil, reporttest.Live(), reporttest.Sinks()},
	"alerts":    {[]string{"int"}, reporttest.Live(), reporttest.Alerts()},
	"config":    {nil, reporttest.Live(), reporttest.Config()},
	"cost":      {nil, reporttest.Flushed(), reporttest.Cost()},
	"history":   {[]string{"string", "int", "int"}, reporttest.Flushed(), reporttest.History()},
	"tail":      {[]string{"string", "string", "boolean", "int", "int"}, reporttest.Probed(), reporttest.Tail()},
}

// startFake starts a fake daemon. Its clock is stopped at reporttest.Now.
func startFake(t *testing.T) *fakeDaemon {
	f := &fakeDaemon{calls: make(chan asked, 1000), tokens: make(chan string, 1000)}
	var methods []xmlrpc.Method
	for _, name := range slices.Sorted(maps.Keys(fakeAnswers)) {
		methods = append(methods, f.method(name, fakeAnswers[name]))
	}
	methods = append(methods, xmlrpc.Method{Name: "istats", Signature: []string{"string"}, Call: func(context.Context, []xmlrpc.Value) (xmlrpc.Value, error) {
		return xmlrpc.String(`{"udp.kernel_dropped":30411}`), nil
	}})
	mux := http.NewServeMux()
	mux.Handle("/RPC2", xmlrpc.NewMux(methods...))
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.tokens <- r.Header.Get("Authorization")
		w.Header().Set("Date", reporttest.Now.Format(http.TimeFormat))
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeDaemon) method(name string, a answerOf) xmlrpc.Method {
	a.frame.Data = a.data
	return xmlrpc.Method{
		Name: name, Signature: append([]string{"struct"}, a.signature...),
		Call: func(_ context.Context, params []xmlrpc.Value) (xmlrpc.Value, error) {
			f.calls <- asked{name, params}
			return xmlrpc.ValueOf(a.frame), nil
		},
	}
}

func (f *fakeDaemon) at() string { return "--at=" + f.Listener.Addr().String() }

// startAnswering starts a daemon that always gives the same answer, and returns its address for --at.
func startAnswering(t *testing.T, a answerOf) string {
	a.frame.Data = a.data
	var b bytes.Buffer
	call := func(context.Context, []xmlrpc.Value) (xmlrpc.Value, error) { return xmlrpc.ValueOf(a.frame), nil }
	mux := xmlrpc.NewMux(xmlrpc.Method{Name: "any", Signature: []string{"struct"}, Call: call})
	w := httptest.NewRecorder()
	w.Body = &b
	r := httptest.NewRequest(http.MethodPost, "/RPC2", strings.NewReader("<methodCall><methodName>any</methodName></methodCall>"))
	r.Header.Set("Content-Type", "text/xml")
	mux.ServeHTTP(w, r)
	return "--at=127.0.0.1:" + answers(t, http.StatusOK, b.String())
}
