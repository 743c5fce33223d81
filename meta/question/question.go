// Package question defines the queries: the interface between the daemon and the programs that ask it for information.
//
// A query is a request of an operator to the daemon's monitor; in the code it is a Question. It has a name, parameters,
// and a function that answers it. Package operator implements the queries. These interfaces for operators depend only
// on this package, not on package operator:
//
//	XML-RPC        has a method for each Question, with a signature and a help text
//	JSON API       has a path for each Question, and describes it with OpenAPI
//	statsdmonitor  has a command for each Question, and uses XML-RPC
//	live page      uses the JSON API
//
// A new query needs an entry in the list in package operator, and a type in this package for its answer. Such a type
// consists of plain data with json tags. XML-RPC and the JSON API use the same names for its fields.
package question

import (
	"context"
	"time"
)

// Kind is the type of a Parameter's value.
type Kind uint8

// These are the types of values.
const (
	Text Kind = iota
	Int
	Bool
)

// Parameter describes an argument of a Question or a Change.
type Parameter struct {
	Name string // consists of a-z and _
	Help string // a sentence, which is shown by XML-RPC's methodHelp, by the OpenAPI description, and in errors
	Kind Kind
	// Required means that the parameter must be given.
	Required bool
	// Default is the value if the parameter is not given. It is a string, an int or a bool, or nil for
	// the zero value.
	Default any
	// Min and Max are the limits of an Int, or of the length of a Text in bytes. For a Text, a Max of
	// 0 means 1024.
	Min, Max int
	// Choices are the valid values of a Text. If it is empty, all values are valid.
	Choices []string
}

// Question describes a query. Answering it changes nothing in the daemon.
type Question struct {
	// Name is the path below /api/v1/ and the command of statsdmonitor.
	Name string
	// Method is the name of the XML-RPC method. "" means Name, and "-" means that there is no method.
	Method string
	// Help describes the answer in one or two sentences.
	Help string
	// Parameters are the arguments of the XML-RPC method, in the same order. A caller may omit the
	// last ones.
	Parameters []Parameter
	// Watch is the name of the Int parameter that says for how many seconds the daemon watches the incoming traffic for
	// the answer. It is "" if the daemon watches no traffic for it.
	Watch string
	// Answer is the zero value of the type of Answer.Data, for the OpenAPI description.
	Answer any
	// Guarded means that the answer contains samples of clients, or the configuration. If other
	// machines can reach the monitor, such queries need a token.
	Guarded bool
	// Ask answers the query. It returns early if ctx ends. It takes at most 9 s, plus the seconds for which the daemon
	// watches traffic. If the client can correct the error, the error is an *Error.
	Ask func(ctx context.Context, args Arguments) (Answer, error)
	// Stream emits events until ctx ends, or until the requested time is over. It returns the first
	// error of the function emit. Most queries have no Stream: the field is nil.
	Stream func(ctx context.Context, args Arguments, emit func(event string, data any) error) error
}

// Change describes a change that an operator can make in the running daemon.
type Change struct {
	Name       string // path below /api/v1/, such as "names/mute"
	Help       string
	Parameters []Parameter
	Answer     any // zero value of the result of Do
	Do         func(ctx context.Context, args Arguments) (any, error)
}

// AnswerTime is the maximum time for an answer. The time for which the daemon watches traffic does not count.
const AnswerTime = 9 * time.Second

// Watches returns how long the daemon watches traffic for the answer.
func (q *Question) Watches(args Arguments) time.Duration {
	return time.Duration(args.Int(q.Watch)) * time.Second
}

// Answer is the answer to a Question. XML-RPC, the JSON API and statsdmonitor show all fields.
type Answer struct {
	// AsOf is the time of the flush that the answer describes. If Live is true, it is the current
	// time.
	AsOf time.Time `json:"as_of"`
	Live bool      `json:"live"`
	// TookMillis is the time that it took to answer, in milliseconds.
	TookMillis float64 `json:"took_ms"`
	// LookedAt describes the part of the traffic that was watched. It is nil if the answer does not
	// depend on a part of the traffic.
	LookedAt *LookedAt `json:"looked_at"`
	// Complete is false if the answer was cut because of a limit or its deadline.
	Complete bool `json:"complete"`
	Data     any  `json:"data"`
}

// LookedAt describes which part of the traffic was watched.
type LookedAt struct {
	Every     int     `json:"every"`     // one batch in Every batches was watched
	Seconds   float64 `json:"seconds"`   // how long traffic was watched, in seconds
	Of        uint64  `json:"of"`        // number of samples received in these seconds
	Seen      uint64  `json:"seen"`      // number of samples that were watched
	Receivers int     `json:"receivers"` // number of receivers that were watched
}

// Event is a flush, or a change of the daemon's health.
type Event struct {
	Kind   string // "flush" or "health"
	Number uint64 // number of the flush, counted from the start of the daemon
	At     time.Time
}

// Events informs subscribers about flushes and changes of the daemon's health.
type Events interface {
	// Subscribe returns a channel of events, and a function that ends the subscription. The daemon
	// does not wait for subscribers: a subscriber that does not read its channel misses events.
	Subscribe() (<-chan Event, func())
}
