package xmlrpc

import (
	"bytes"
	"math"
	"reflect"
	"strings"
	"testing"
)

// request returns a call of the method m with one parameter. value is the content of its <value>.
func request(value string) string {
	return "<?xml version='1.0'?>\n<methodCall><methodName>m</methodName><params><param><value>" +
		value + "</value></param></params></methodCall>"
}

func nested(depth int) string {
	return strings.Repeat("<array><data><value>", depth) + strings.Repeat("</value></data></array>", depth)
}

func TestParseValue(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Value
	}{
		{"<int>-5</int>", Int(-5)},
		{"<i4> 7\n</i4>", Int(7)},
		{"<i8>9223372036854775807</i8>", Int(math.MaxInt64)},
		{"<double>-2.5e3</double>", Double(-2500)},
		{"<boolean>1</boolean>", Bool(true)},
		{"<boolean>0</boolean>", Bool(false)},
		{"<string> a&lt;&#x26;\u00e9 </string>", String(" a<&\u00e9 ")},
		{"<string>a<!-- not shown -->b</string>", String("ab")},
		{"<string/>", String("")},
		{" bare text ", String(" bare text ")},
		{"", String("")},
		{"<![CDATA[<int>]]>", String("<int>")},
		{"<nil/>", String("")},
		{"<base64>\nAP\n8=\n</base64>", String("\x00\xff")},
		{"<dateTime.iso8601>20260102T03:04:05</dateTime.iso8601>", String("20260102T03:04:05")},
		{"<array><data/></array>", Array(nil)},
		{"\n<array>\n<data>\n<value>x</value> <value><i4>1</i4></value></data> </array>\n", Array{String("x"), Int(1)}},
		{"<struct/>", Struct{}},
		{"<struct><member><name>k</name><value><int>1</int></value></member></struct>", Struct{{"k", Int(1)}}},
	} {
		got, fault := parseCall(strings.NewReader(request(tt.text)))
		if fault != nil {
			t.Errorf("%q: %v", tt.text, fault)
			continue
		}
		if want := (call{"m", []Value{tt.want}}); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %#v, want %#v", tt.text, got, want)
		}
	}
}

func TestParseCall(t *testing.T) {
	for _, tt := range []struct {
		why, text string
		params    int
	}{
		{"no params element", "<methodCall><methodName>m</methodName></methodCall>", 0},
		{"params without any", "<methodCall><methodName> m\n</methodName><params/></methodCall>", 0},
		{"other declarations and space", "<?xml version=\"1.0\" encoding=\"us-ascii\" ?><!-- x --> <methodCall><methodName>m</methodName></methodCall>\n<!-- y -->\n", 0},
		{"as deep as allowed", request(nested(maxDepth)), 1},
	} {
		got, fault := parseCall(strings.NewReader(tt.text))
		if fault != nil || got.method != "m" || len(got.params) != tt.params {
			t.Errorf("%s: got %#v, %v", tt.why, got, fault)
		}
	}
}

func TestParseFaults(t *testing.T) {
	for _, tt := range []struct {
		why, text string
		code      int
	}{
		{"nothing", "", NotWellFormed},
		{"no XML", "istats", InvalidRequest},
		{"cut", request("<int>1</int>")[:80], NotWellFormed},
		{"crossed tags", request("<int>1</i4>"), NotWellFormed},
		{"a bad byte", request("<string>\xff</string>"), NotWellFormed},
		{"an unknown entity", request("<string>&bomb;</string>"), NotWellFormed},
		{"a document type", "<?xml version='1.0'?><!DOCTYPE b [<!ENTITY a 'a'>]>" + request("x")[21:], InvalidRequest},
		{"a document type after the call", request("x") + "<!DOCTYPE b>", InvalidRequest},
		{"latin-1", "<?xml version='1.0' encoding='iso-8859-1'?><methodCall/>", BadEncoding},
		{"a chain of encodings", strings.Repeat("<?xml version='1.0' encoding='us-ascii'?>", 2) + request("x"), BadEncoding},
		{"another document", "<html><body/></html>", InvalidRequest},
		{"a response", "<methodResponse/>", InvalidRequest},
		{"no name", "<methodCall/>", InvalidRequest},
		{"params first", "<methodCall><params/></methodCall>", InvalidRequest},
		{"something for params", "<methodCall><methodName>m</methodName><x/></methodCall>", InvalidRequest},
		{"something for a param", "<methodCall><methodName>m</methodName><params><value/></params></methodCall>", InvalidRequest},
		{"a param without value", "<methodCall><methodName>m</methodName><params><param/></params></methodCall>", InvalidRequest},
		{"two values in a param", request("x</value><value>y"), InvalidRequest},
		{"two types in a value", request("<int>1</int><int>2</int>"), InvalidRequest},
		{"text beside a type", request("x<int>1</int>"), InvalidRequest},
		{"text behind a type", request("<int>1</int>x"), InvalidRequest},
		{"an unknown type", request("<i16>1</i16>"), InvalidRequest},
		{"an element in a number", request("<int><b>1</b></int>"), InvalidRequest},
		{"no number", request("<int>1.5</int>"), InvalidRequest},
		{"an integer too large", request("<i8>9223372036854775808</i8>"), InvalidRequest},
		{"NaN", request("<double>NaN</double>"), InvalidRequest},
		{"an infinite double", request("<double>1e999</double>"), InvalidRequest},
		{"not a boolean", request("<boolean>true</boolean>"), InvalidRequest},
		{"bad base64", request("<base64>?</base64>"), InvalidRequest},
		{"an array without data", request("<array/>"), InvalidRequest},
		{"a member without name", request("<struct><member><value/></member></struct>"), InvalidRequest},
		{"a member without value", request("<struct><member><name>a</name></member></struct>"), InvalidRequest},
		{"a second call", request("x") + "<methodCall/>", InvalidRequest},
		{"text at the end", request("x") + "x", InvalidRequest},
		{"too deep", request(nested(maxDepth + 1)), InvalidRequest},
		{"100,000 deep", request(nested(100_000)), InvalidRequest},
	} {
		_, fault := parseCall(strings.NewReader(tt.text))
		if fault == nil || fault.Code != tt.code {
			t.Errorf("%s: got %v, want code %d", tt.why, fault, tt.code)
		}
	}
}

// TestParseStopsEarly checks that the parser stops reading as soon as a call is invalid.
func TestParseStopsEarly(t *testing.T) {
	for _, text := range []string{request(nested(100_000)), "<!DOCTYPE a>" + strings.Repeat(" ", 1<<20)} {
		r := strings.NewReader(text)
		if _, fault := parseCall(r); fault == nil || r.Len() < len(text)/2 {
			t.Errorf("%.30s: %d of %d bytes were left unread, fault %v", text, r.Len(), len(text), fault)
		}
	}
}

// FuzzParseCall checks that every request results in a call or in a fault with a known code. It
// also checks that the parameters of a call are the same after they are sent and parsed again.
func FuzzParseCall(f *testing.F) {
	for _, seed := range captures(f) {
		f.Add([]byte(seed.body))
	}
	f.Add([]byte(request("<struct><member><name>&lt;</name><value>\r\n</value></member></struct>")))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, fault := parseCall(bytes.NewReader(text))
		if fault != nil {
			if fault.Code > -32600 || fault.Code < -32701 || fault.Text == "" {
				t.Fatalf("odd fault %v", fault)
			}
			return
		}
		var again bytes.Buffer
		again.WriteString("<methodCall><methodName>m</methodName><params>")
		for _, p := range c.params {
			again.WriteString("<param>" + encoded(t, p) + "</param>")
		}
		again.WriteString("</params></methodCall>")
		c2, fault := parseCall(&again)
		if fault != nil {
			t.Fatalf("%#v does not read back: %v", c.params, fault)
		}
		if !reflect.DeepEqual(sent(c.params), c2.params) {
			t.Fatalf("sent %#v, read %#v", c.params, c2.params)
		}
	})
}

// sent returns the values that a client parses from the encoded form of values. Some types have the
// same encoding, so the client cannot distinguish them.
func sent(values []Value) []Value {
	var out []Value
	for _, v := range values {
		switch t := v.(type) {
		case Int:
			if int64(int32(t)) != int64(t) {
				v = Double(t)
			}
		case String:
			v = String(asXML(string(t)))
		case Array:
			v = Array(sent(t))
		case Struct:
			members := Struct{}
			for _, m := range t {
				members = append(members, Member{asXML(m.Name), sent([]Value{m.Value})[0]})
			}
			v = members
		}
		out = append(out, v)
	}
	return out
}

// asXML replaces bytes that XML text cannot contain. Only base64 data can contain them.
func asXML(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r', ' ' <= r && r <= '\ud7ff', '\ue000' <= r && r <= '\ufffd', r > '\uffff':
			return r
		}
		return '\ufffd'
	}, s)
}
