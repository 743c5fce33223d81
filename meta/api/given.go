package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/statsd-ops/statsd/meta/question"
)

// maxBody is the maximum size of the body of a change, in bytes.
const maxBody = 64 << 10

// checkQuery parses the query string of a request and checks the parameters.
func checkQuery(r *http.Request, parameters []question.Parameter) (question.Arguments, error) {
	given, err := fromQuery(r.URL.RawQuery)
	if err != nil {
		return question.Arguments{}, err
	}
	return question.Check(parameters, given)
}

// fromQuery returns the parameters in a query string. Each parameter may occur only once.
func fromQuery(query string) (map[string]any, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, question.Errorf(question.BadParameter, "", "the query string cannot be parsed: %+.100q", err)
	}
	given := make(map[string]any, len(values))
	for name, all := range values {
		if len(all) > 1 {
			return nil, question.Errorf(question.BadParameter, name, "the parameter %+.40q is given %d times", name, len(all))
		}
		given[name] = all[0]
	}
	return given, nil
}

// errType is the error for a body whose Content-Type is not JSON. Such bodies are refused, because
// any web page can make a browser send them.
var errType = &question.Error{Code: badType, Text: "a change needs the header \"Content-Type: application/json\"", Next: `add -H 'Content-Type: application/json'`}

// fromBody returns the parameters of a change. They are the members of a JSON object.
func fromBody(w http.ResponseWriter, r *http.Request) (map[string]any, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" || r.Header.Get("Content-Encoding") != "" {
		return nil, errType
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, question.Errorf(question.TooLarge, "", "the body has more than %d bytes", maxBody)
	case err != nil:
		return nil, question.Errorf(question.BadParameter, "", "the body cannot be read: %v", err)
	}
	given, err := parseObject(text)
	if err != nil {
		return nil, err
	}
	return given, nil
}

// parseObject parses a JSON object with strings, numbers and booleans. Each name may occur only
// once.
func parseObject(text []byte) (map[string]any, error) {
	if !utf8.Valid(text) { // the decoder would replace invalid bytes silently
		return nil, question.Errorf(question.BadParameter, "", "the body is not UTF-8")
	}
	d, given := json.NewDecoder(bytes.NewReader(text)), map[string]any{}
	if start, err := d.Token(); err == nil && start != json.Delim('{') {
		return nil, question.Errorf(question.BadParameter, "", "the body is not a JSON object")
	} else if err != nil {
		return nil, badJSON(err)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, badJSON(err)
		}
		name := key.(string) // a name in an object is always a string
		value, err := d.Token()
		if err != nil {
			return nil, badJSON(err)
		}
		switch value.(type) {
		case json.Delim, nil:
			return nil, question.Errorf(question.BadParameter, name, "%+.40q: must be a text, a number, true or false", name)
		}
		if _, twice := given[name]; twice {
			return nil, question.Errorf(question.BadParameter, name, "the parameter %+.40q is given twice", name)
		}
		given[name] = value
	}
	if _, err := d.Token(); err != nil { // read the closing brace
		return nil, badJSON(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, question.Errorf(question.BadParameter, "", "there is text after the JSON object")
	}
	return given, nil
}

func badJSON(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	text := strings.TrimPrefix(err.Error(), "json: ")
	return &question.Error{Code: question.BadParameter, Text: fmt.Sprintf("the body is not a JSON object: %+.100q", text), Next: "send {} as the body if there are no parameters"}
}
