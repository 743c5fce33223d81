package meta

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// BenchmarkMonitorValues measures a request for 100,000 values, as statsdmonitor --values sends it.
func BenchmarkMonitorValues(b *testing.B) {
	addr := start(b, exampleSource(), exampleValues(100_000))
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	b.ReportAllocs()
	for b.Loop() {
		w, err := client.Post("http://"+addr, "text/xml", strings.NewReader("<methodCall><methodName>values</methodName></methodCall>"))
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.Copy(io.Discard, w.Body)
		if err != nil || n < 15_000_000 {
			b.Fatal(n, err)
		}
		b.SetBytes(n)
		_ = w.Body.Close()
	}
}

// BenchmarkPage measures the page of a daemon that keeps 100,000 values.
func BenchmarkPage(b *testing.B) {
	addr := start(b, exampleSource(), exampleValues(100_000))
	b.ReportAllocs()
	for b.Loop() {
		if a := get(b, addr, "/plain"); !strings.Contains(a.body, "The latest 25 of 100,000") {
			b.Fatal(a.body)
		}
	}
}
