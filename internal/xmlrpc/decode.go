package xmlrpc

import (
	"encoding/base64"
	"encoding/xml"
	"io"
	"math"
	"strconv"
	"strings"
)

// maxDepth is the maximum nesting depth of arrays and structs in a call.
const maxDepth = 32

// call is a parsed methodCall.
type call struct {
	method string
	params []Value
}

// parser parses one call.
type parser struct {
	xml   *xml.Decoder
	depth int
}

func parseCall(r io.Reader) (call, *Fault) {
	p := &parser{xml: xml.NewDecoder(r)}
	declared := false
	p.xml.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		// Each declaration of a character set makes the decoder wrap the reader again. Many declarations
		// in one call would take quadratic time, so only one is allowed.
		if declared || !strings.EqualFold(charset, "us-ascii") {
			return nil, faultf(BadEncoding, "encoding %+.40q: must be utf-8 or us-ascii", charset)
		}
		declared = true
		return in, nil
	}
	c, err := p.call()
	if err == nil {
		err = p.end()
	}
	if err != nil {
		return call{}, asFault(err)
	}
	return c, nil
}

func (p *parser) call() (c call, err error) {
	if err = p.open("methodCall"); err != nil {
		return c, err
	}
	if err = p.open("methodName"); err != nil {
		return c, err
	}
	name, err := p.text()
	if err != nil {
		return c, err
	}
	c.method = strings.TrimSpace(name)
	tag, more, err := p.tag()
	if err != nil || !more {
		return c, err
	}
	if tag != "params" {
		return c, unexpected(tag)
	}
	if c.params, err = p.list("param", p.param); err != nil {
		return c, err
	}
	return c, p.close()
}

// param reads the content and the end tag of a <param>.
func (p *parser) param() (Value, error) {
	if err := p.open("value"); err != nil {
		return nil, err
	}
	v, err := p.value()
	if err != nil {
		return nil, err
	}
	return v, p.close()
}

// list reads elements with the given name until the end of their parent element, and calls the
// function item for each element.
func (p *parser) list(name string, item func() (Value, error)) (values []Value, err error) {
	for {
		tag, more, err := p.tag()
		if err != nil || !more {
			return values, err
		}
		if tag != name {
			return nil, unexpected(tag)
		}
		v, err := item()
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
}

// value reads the content and the end tag of a <value>. Text without a type is a string.
func (p *parser) value() (Value, error) {
	var text strings.Builder
	for {
		token, err := p.token()
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			return String(text.String()), nil
		case xml.StartElement:
			if strings.TrimSpace(text.String()) != "" {
				return nil, faultf(InvalidRequest, "text before <%.40s> in a value", t.Name.Local)
			}
			v, err := p.typed(t.Name.Local)
			if err != nil {
				return nil, err
			}
			return v, p.close()
		}
	}
}

// typed reads the content and the end tag of an element that names a type.
func (p *parser) typed(kind string) (Value, error) {
	switch kind {
	case "array", "struct":
		if p.depth++; p.depth > maxDepth {
			return nil, faultf(InvalidRequest, "values nested more than %d deep", maxDepth)
		}
		defer func() { p.depth-- }()
		if kind == "array" {
			return p.array()
		}
		return p.structure()
	}
	text, err := p.text()
	if err != nil {
		return nil, err
	}
	return scalar(kind, text)
}

func scalar(kind, text string) (Value, error) {
	word := strings.TrimSpace(text)
	switch kind {
	case "string", "dateTime.iso8601":
		return String(text), nil
	case "nil":
		return String(""), nil
	case "int", "i4", "i8":
		if n, err := strconv.ParseInt(word, 10, 64); err == nil {
			return Int(n), nil
		}
	case "boolean":
		if word == "0" || word == "1" {
			return Bool(word == "1"), nil
		}
	case "double":
		if f, err := strconv.ParseFloat(word, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
			return Double(f), nil
		}
	case "base64":
		// Base64 text may contain line breaks and spaces anywhere.
		if b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(word), "")); err == nil {
			return String(b), nil
		}
	default:
		return nil, unexpected(kind)
	}
	return nil, faultf(InvalidRequest, "%+.40q is not a valid %s", word, kind)
}

func (p *parser) array() (Value, error) {
	if err := p.open("data"); err != nil {
		return nil, err
	}
	values, err := p.list("value", p.value)
	if err != nil {
		return nil, err
	}
	return Array(values), p.close()
}

func (p *parser) structure() (Value, error) {
	members := Struct{}
	_, err := p.list("member", func() (Value, error) {
		if err := p.open("name"); err != nil {
			return nil, err
		}
		name, err := p.text()
		if err != nil {
			return nil, err
		}
		v, err := p.param()
		members = append(members, Member{name, v})
		return v, err
	})
	return members, err
}
