package xmlrpc

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strings"
)

// open reads the start tag of an element with the given name.
func (p *parser) open(name string) error {
	tag, start, err := p.tag()
	switch {
	case err != nil:
		return err
	case !start:
		return faultf(InvalidRequest, "<%s> is missing", name)
	case tag != name:
		return unexpected(tag)
	}
	return nil
}

// close reads the end tag of the innermost open element.
func (p *parser) close() error {
	tag, start, err := p.tag()
	if err == nil && start {
		return unexpected(tag)
	}
	return err
}

// tag reads a start or end tag. Only white space may precede it.
func (p *parser) tag() (name string, start bool, err error) {
	for {
		token, err := p.token()
		if err != nil {
			return "", false, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			return t.Name.Local, true, nil
		case xml.EndElement:
			return t.Name.Local, false, nil
		case xml.CharData:
			if word := strings.TrimSpace(string(t)); word != "" {
				return "", false, faultf(InvalidRequest, "text %+.40q between elements", word)
			}
		}
	}
}

// text reads text up to the end tag of its element.
func (p *parser) text() (string, error) {
	var text strings.Builder
	for {
		token, err := p.token()
		if err != nil {
			return "", err
		}
		switch t := token.(type) {
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			return text.String(), nil
		case xml.StartElement:
			return "", unexpected(t.Name.Local)
		}
	}
}

// end checks that no text and no element follows the call.
func (p *parser) end() error {
	for {
		token, err := p.xml.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.CharData:
			if strings.TrimSpace(string(t)) == "" {
				continue
			}
		case xml.Comment, xml.ProcInst:
			continue
		}
		return faultf(InvalidRequest, "more than one call in a request")
	}
}

// token reads the next start tag, end tag or text.
func (p *parser) token() (xml.Token, error) {
	for {
		token, err := p.xml.Token()
		if err != nil {
			return nil, err
		}
		switch token.(type) {
		case xml.Comment, xml.ProcInst:
		case xml.Directive:
			return nil, faultf(InvalidRequest, "document type declarations are not allowed")
		default:
			return token, nil
		}
	}
}

// asFault converts an error to a fault for the client.
func asFault(err error) *Fault {
	var fault *Fault
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &fault):
		return fault
	case errors.As(err, &tooLarge):
		return faultf(InvalidRequest, "a request has at most %d bytes", tooLarge.Limit)
	case errors.Is(err, io.EOF):
		return faultf(NotWellFormed, "the request is empty or ends early")
	}
	return faultf(NotWellFormed, "%s", err)
}

func unexpected(tag string) error {
	return faultf(InvalidRequest, "unexpected <%.40s>", tag)
}
