package xmlrpc

import (
	"bufio"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
)

// encoded returns the XML of v, including its <value>.
func encoded(t testing.TB, v Value) string {
	t.Helper()
	var b strings.Builder
	e := &encoder{w: bufio.NewWriter(&b)}
	e.value(v)
	if err := e.w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestEncode(t *testing.T) {
	for _, tt := range []struct {
		v    Value
		want string
	}{
		{Int(math.MaxInt32), "<int>2147483647</int>"},
		{Int(math.MinInt32), "<int>-2147483648</int>"},
		{Int(math.MaxInt32 + 1), "<double>2147483648</double>"},
		{Int(math.MinInt32 - 1), "<double>-2147483649</double>"},
		{Double(2.38e-5), "<double>0.0000238</double>"},
		{Double(1e21), "<double>1000000000000000000000</double>"},
		{Double(math.NaN()), "<string>NaN</string>"},
		{Double(math.Inf(-1)), "<string>-Inf</string>"},
		{Bool(true), "<boolean>1</boolean>"},
		{Bool(false), "<boolean>0</boolean>"},
		{String("a <b> & c"), "<string>a &lt;b&gt; &amp; c</string>"},
		{String("\r\n"), "<string>&#xD;&#xA;</string>"},
		{String("\x00\xff\uffff"), "<string>\ufffd\ufffd\ufffd</string>"},
		{Array{Int(1), Array{}}, "<array><data><value><int>1</int></value><value><array><data></data></array></value></data></array>"},
		{Stream(func(yield func(Value) bool) { _ = yield(Int(1)) && yield(Int(2)) }),
			"<array><data><value><int>1</int></value><value><int>2</int></value></data></array>"},
		{Struct{{"<a>", Int(1)}}, "<struct><member><name>&lt;a&gt;</name><value><int>1</int></value></member></struct>"},
	} {
		if got := encoded(t, tt.v); got != "<value>"+tt.want+"</value>" {
			t.Errorf("%#v: got %s, want %s", tt.v, got, tt.want)
		}
	}
}

type goneWriter struct{}

func (goneWriter) Write([]byte) (int, error) { return 0, errors.New("client is gone") }

// TestStreamStops checks that a Stream produces no more items after the client has closed the
// connection.
func TestStreamStops(t *testing.T) {
	made := 0
	endless := Stream(func(yield func(Value) bool) {
		for made < 1_000_000 && yield(String("some text")) {
			made++
		}
	})
	if err := writeResponse(goneWriter{}, endless); err == nil {
		t.Error("no error")
	}
	if made > 1000 {
		t.Errorf("%d items were made", made)
	}
}

// TestStreamIsCheap checks that the memory for a Stream does not grow with the number of its items.
func TestStreamIsCheap(t *testing.T) {
	cost := func(n int) float64 {
		var item Value = String("stats.some.name")
		v := Stream(func(yield func(Value) bool) {
			for range n {
				if !yield(item) {
					return
				}
			}
		})
		return testing.AllocsPerRun(10, func() { _ = writeResponse(io.Discard, v) })
	}
	if few, many := cost(10), cost(10_000); many > few {
		t.Errorf("10 items cost %v allocations, 10,000 cost %v", few, many)
	}
}
