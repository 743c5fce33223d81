package question

import (
	"fmt"
	"time"
)

// Code is the kind of an Error. The JSON API shows it, and its HTTP status follows from it.
type Code string

// The codes.
const (
	BadParameter Code = "bad_parameter" // 400
	NoToken      Code = "no_token"      // 401
	WrongRole    Code = "wrong_role"    // 403
	NotFound     Code = "not_found"     // 404
	Busy         Code = "busy"          // 409: a probe of another kind runs
	TooLarge     Code = "too_large"     // 413
	TooMany      Code = "too_many"      // 429
	Ending       Code = "ending"        // 503: the daemon is ending, or no stream is free
)

// Error is an error that the client can correct.
type Error struct {
	Code      Code
	Text      string        // one line, lower case
	Parameter string        // the parameter at fault, or ""
	Next      string        // what to type next, or ""
	After     time.Duration // ask again after this time; 0: asking again does not help
}

// Error returns the text, and what to type next.
func (e *Error) Error() string {
	if e.Next == "" {
		return e.Text
	}
	return e.Text + "; " + e.Next
}

// Errorf returns an Error with a code, about a parameter.
func Errorf(code Code, parameter, format string, args ...any) *Error {
	return &Error{Code: code, Parameter: parameter, Text: fmt.Sprintf(format, args...)}
}
