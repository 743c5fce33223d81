package xmlrpc

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"
)

type inner struct {
	A int `json:"a"`
}

type number float64

func TestValueOf(t *testing.T) {
	at := time.Date(2026, 11, 29, 3, 4, 5, 60e6, time.FixedZone("", 3600))
	for _, tt := range []struct {
		name string
		v    any
		want string
	}{
		{"int", 7, "<int>7</int>"},
		{"a count is a double of any size", []any{uint64(7), int64(-1), uint64(1) << 40}, "<array><data><value><double>7</double></value><value><double>-1</double></value><value><double>1099511627776</double></value></data></array>"},
		{"floats", []number{1.5, number(math.NaN()), number(math.Inf(1)), 1e21}, "<array><data><value><double>1.5</double></value><value><double>NaN</double></value><value><double>NaN</double></value><value><double>1000000000000000000000</double></value></data></array>"},
		{"times", []time.Time{at, {}}, "<array><data><value><string>2026-11-29T02:04:05.06Z</string></value><value><string></string></value></data></array>"},
		{"map, sorted", map[string]bool{"b": true, "a": false}, "<struct><member><name>a</name><value><boolean>0</boolean></value></member><member><name>b</name><value><boolean>1</boolean></value></member></struct>"},
		{"struct", struct {
			inner
			B      string `json:"b"`
			Hidden string `json:"-"`
			Empty  []int  `json:"empty"`
			Left   []int  `json:"left,omitempty"`
			Nil    *inner `json:"nil"`
			Any    any    `json:"any"`
			Plain  *inner
			secret int
		}{inner: inner{1}, B: "x", Plain: &inner{2}, secret: 3}, "<struct><member><name>a</name><value><int>1</int></value></member><member><name>b</name><value><string>x</string></value></member><member><name>empty</name><value><array><data></data></array></value></member><member><name>Plain</name><value><struct><member><name>a</name><value><int>2</int></value></member></struct></value></member></struct>"},
		{"nothing", nil, "<string></string>"},
	} {
		var b bytes.Buffer
		if err := writeResponse(&b, ValueOf(tt.v)); err != nil {
			t.Fatal(err)
		}
		if got := b.String(); !strings.Contains(got, "<param><value>"+tt.want+"</value></param>") {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
