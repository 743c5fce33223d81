package question

import (
	"fmt"
	"time"
)

// Code is the kind of an Error. It determines the HTTP status in the JSON API.
type Code string

// Each code has its own HTTP status.
const (
	BadParameter Code = "bad_parameter" // HTTP status 400
	NoToken      Code = "no_token"      // HTTP status 401
	WrongRole    Code = "wrong_role"    // HTTP status 403
	NotFound     Code = "not_found"     // HTTP status 404
	Busy         Code = "busy"          // HTTP status 409: the daemon cannot do this now, and the client should ask again
	TooLarge     Code = "too_large"     // HTTP status 413
	TooMany      Code = "too_many"      // HTTP status 429
	Ending       Code = "ending"        // HTTP status 503: the daemon is ending, or there are too many streams
)

// Error is an error that the client can correct, or react to.
type Error struct {
	Code      Code
	Text      string        // a line in lower case
	Parameter string        // name of the wrong parameter; "" if there is none
	Next      string        // what the client should do next, or ""
	After     time.Duration // how long the client should wait before it asks again; 0 if asking again would not help
}

// Error returns the text, and what the client should do next.
func (e *Error) Error() string {
	if e.Next == "" {
		return e.Text
	}
	return e.Text + "; " + e.Next
}

// Errorf returns an Error with the given code about a parameter.
func Errorf(code Code, parameter, format string, args ...any) *Error {
	return &Error{Code: code, Parameter: parameter, Text: fmt.Sprintf(format, args...)}
}
