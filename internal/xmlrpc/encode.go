package xmlrpc

import (
	"bufio"
	"encoding/xml"
	"io"
	"math"
	"strconv"
)

// encoder encodes values as XML. Write errors are returned by Flush: see bufio.Writer.
type encoder struct {
	w       *bufio.Writer
	scratch []byte
}

// writeResponse writes the response to a call that returned v.
func writeResponse(w io.Writer, v Value) error {
	e := &encoder{w: bufio.NewWriter(w)}
	e.raw(xml.Header, "<methodResponse><params><param>")
	e.value(v)
	e.raw("</param></params></methodResponse>\n")
	return e.w.Flush()
}

// writeFault writes the response to a call that failed.
func writeFault(w io.Writer, f *Fault) error {
	e := &encoder{w: bufio.NewWriter(w)}
	e.raw(xml.Header, "<methodResponse><fault>")
	e.value(f.value())
	e.raw("</fault></methodResponse>\n")
	return e.w.Flush()
}

func (f *Fault) value() Struct {
	return Struct{{"faultCode", Int(f.Code)}, {"faultString", String(f.Text)}}
}

// raw writes markup without escapes. Flush returns the write errors.
func (e *encoder) raw(parts ...string) {
	for _, s := range parts {
		_, _ = e.w.WriteString(s)
	}
}

func (e *encoder) value(v Value) {
	e.raw("<value>")
	v.encode(e)
	e.raw("</value>")
}

// text writes s with the escapes of XML.
func (e *encoder) text(s string) {
	if isPlain(s) {
		e.raw(s)
		return
	}
	_ = xml.EscapeText(e.w, []byte(s))
}

// isPlain reports whether s needs no XML escapes. This is the fast path, because most names need
// none.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '<' || c == '>' || c == '&' {
			return false
		}
	}
	return true
}

func (v Int) encode(e *encoder) {
	if v < math.MinInt32 || v > math.MaxInt32 {
		Double(v).encode(e)
		return
	}
	e.scratch = strconv.AppendInt(e.scratch[:0], int64(v), 10)
	e.number("<int>", "</int>")
}

func (v Double) encode(e *encoder) {
	if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
		String(strconv.FormatFloat(f, 'f', -1, 64)).encode(e)
		return
	}
	e.scratch = strconv.AppendFloat(e.scratch[:0], float64(v), 'f', -1, 64)
	e.number("<double>", "</double>")
}

func (NaN) encode(e *encoder) { e.raw("<double>NaN</double>") }

// number writes the start tag, the number that is in e.scratch, and the end tag.
func (e *encoder) number(open, end string) {
	e.raw(open)
	_, _ = e.w.Write(e.scratch)
	e.raw(end)
}

func (v Bool) encode(e *encoder) {
	if v {
		e.raw("<boolean>1</boolean>")
	} else {
		e.raw("<boolean>0</boolean>")
	}
}

func (v String) encode(e *encoder) {
	e.raw("<string>")
	e.text(string(v))
	e.raw("</string>")
}

func (v Array) encode(e *encoder) {
	e.raw("<array><data>")
	for _, item := range v {
		e.value(item)
	}
	e.raw("</data></array>")
}

func (v Stream) encode(e *encoder) {
	e.raw("<array><data>")
	for item := range v {
		e.value(item)
		// An empty write returns an earlier write error, if there was one.
		if _, err := e.w.Write(nil); err != nil {
			return
		}
	}
	e.raw("</data></array>")
}

func (v Struct) encode(e *encoder) {
	e.raw("<struct>")
	for _, m := range v {
		e.raw("<member><name>")
		e.text(m.Name)
		e.raw("</name>")
		e.value(m.Value)
		e.raw("</member>")
	}
	e.raw("</struct>")
}
