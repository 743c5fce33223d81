package plainjson

import (
	"encoding/json"
	"math"
	"testing"
	"time"
)

type number float64

type Sum struct {
	Cores  float64 `json:"cores"`
	Memory uint64  `json:"memory"`
}

type inner struct {
	A int `json:"a"`
}

type outer struct {
	inner
	Sum
	Nil     []int             `json:"nil"`
	Map     map[string]uint64 `json:"map"`
	Left    string            `json:"left,omitempty"`
	Hidden  string            `json:"-"`
	Pointer *inner            `json:"pointer"`
	Any     any               `json:"any"`
	Plain   [2]bool
	At      time.Time `json:"at"`
	private int
}

func TestEncode(t *testing.T) {
	at := time.Date(2026, 11, 29, 3, 4, 5, 60e6, time.FixedZone("", 3600))
	for _, tt := range []struct {
		v    any
		want string
	}{
		{outer{private: 1, Hidden: "x", At: at, Any: inner{2}, Map: map[string]uint64{"b": 1, "a": math.MaxUint64}},
			`{"cores":0,"memory":0,"nil":[],"map":{"a":18446744073709551615,"b":1},"pointer":null,"any":{"a":2},"Plain":[false,false],"at":"2026-11-29T02:04:05.06Z"}`},
		{[]float64{1.5, math.NaN(), math.Inf(1), 1e-7, 1e21, -0.000001, 123456789}, "[1.5,null,null,1e-07,1e+21,-0.000001,123456789]"},
		{[]number{1, number(math.NaN())}, "[1,null]"},
		{[]time.Time{{}}, "[null]"},
		{map[string]int(nil), "{}"},
		{nil, "null"},
		{"<a>&\u00e9\u007f\U0001f600\x00\xff\"\\", `"\u003ca\u003e\u0026\u00e9\u007f\ud83d\ude00\u0000\ufffd\"\\"`},
		{func() {}, "null"},
	} {
		got := string(Encode(tt.v))
		if got != tt.want || !json.Valid([]byte(got)) {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}
