// Package question is the contract between the daemon and everything that asks it.
//
// A Question has a name, parameters, and a function that answers it. Package
// operator implements the questions. The interfaces for operators know only this package:
//
//	XML-RPC      one method for each Question, with its signature and help
//	JSON API     one path for each Question, and its part of the OpenAPI description
//	statsdmonitor  one command for each Question, over XML-RPC
//	page         asks the JSON API
//
// A new question is one entry in the list of package operator, and one type here for
// its answer. An answer's types are plain data with json tags. XML-RPC and the JSON API encode the same fields under
// the same names.
package question

import (
	"context"
	"time"
)

// Kind is the type of a Parameter.
type Kind uint8

// The kinds of parameters.
const (
	Text Kind = iota
	Int
	Bool
)

// Parameter is an argument of a Question or a Change.
type Parameter struct {
	Name string // a-z and _ only
	Help string // one sentence, for XML-RPC's methodHelp, OpenAPI and errors
	Kind Kind
	// Required parameters have no default.
	Required bool
	// Default is the value of a Parameter that is not given: a string, an int or a bool.
	// nil is the zero value.
	Default any
	// Min and Max bound an Int, and the bytes of a Text (Max 0: 1024).
	Min, Max int
	// Choices are the only valid values of a Text. Empty: any.
	Choices []string
}

// Question is a request for information. It changes nothing.
type Question struct {
	// Name is the JSON path below /api/v1/, and the command of statsdmonitor.
	Name string
	// Method is the XML-RPC method, if its name differs from Name. "-": no method.
	Method string
	// Help describes the answer in one or two sentences.
	Help string
	// Parameters are in the order of the XML-RPC method's arguments. Callers may leave out the last ones.
	Parameters []Parameter
	// Watch names the Int parameter that says for how many seconds the answer watches traffic. "": it watches none.
	Watch string
	// Answer is the zero value of Answer.Data, for the OpenAPI description.
	Answer any
	// Guarded questions show samples of clients, or the configuration. They need a token where the monitor is open
	// beyond loopback.
	Guarded bool
	// Ask answers. It returns when ctx ends, and takes at most 9 s besides the seconds it was
	// asked to watch. The error is an *Error if the client can correct it.
	Ask func(ctx context.Context, args Arguments) (Answer, error)
	// Stream is nil for most questions. It emits events until ctx ends or the time that was
	// asked for is over. It returns the first error of emit.
	Stream func(ctx context.Context, args Arguments, emit func(event string, data any) error) error
}

// Change is something that an operator does to the running daemon.
type Change struct {
	Name       string // the JSON path below /api/v1/, such as "names/mute"
	Help       string
	Parameters []Parameter
	Answer     any // the zero value of what Do returns
	Do         func(ctx context.Context, args Arguments) (any, error)
}

// AnswerTime is how long an answer may take, besides the time that it watches traffic.
const AnswerTime = 9 * time.Second

// Watches returns how long the answer watches traffic.
func (q *Question) Watches(args Arguments) time.Duration {
	return time.Duration(args.Int(q.Watch)) * time.Second
}

// Answer is the result of a Question. XML-RPC, the JSON API and statsdmonitor show all of it.
type Answer struct {
	// AsOf is the time of the flush that the answer is about, or now if Live.
	AsOf time.Time `json:"as_of"`
	Live bool      `json:"live"`
	// TookMillis is how long answering took, in milliseconds.
	TookMillis float64 `json:"took_ms"`
	// LookedAt is nil for an answer that looked at everything.
	LookedAt *LookedAt `json:"looked_at"`
	// Complete is false if the answer was cut at a limit or at its deadline.
	Complete bool `json:"complete"`
	Data     any  `json:"data"`
}

// LookedAt says how much of the traffic a probe looked at.
type LookedAt struct {
	Every     int     `json:"every"`     // k: one batch in k was looked at
	Seconds   float64 `json:"seconds"`   // how long it looked, in seconds
	Of        uint64  `json:"of"`        // samples that came in
	Seen      uint64  `json:"seen"`      // samples that it looked at
	Receivers int     `json:"receivers"` // receivers that it looked at
}

// Event is something that happened in the daemon.
type Event struct {
	Kind   string // "flush" or "health"
	Number uint64 // of the flush since the start
	At     time.Time
}

// Events reports flushes and changes of the health to subscribers.
type Events interface {
	// Subscribe returns a channel of events, and a function that ends the subscription. A subscriber that does not read
	// misses events: the daemon does not wait for it.
	Subscribe() (<-chan Event, func())
}
