// Package xmlrpc is a server for XML-RPC (http://xmlrpc.com/spec.md). It works with clients in all languages, and
// hostile clients cannot harm it.
//
// A Mux is an http.Handler that answers calls of its methods:
//
//	mux := xmlrpc.NewMux(xmlrpc.Method{
//		Name:      "uptime",
//		Help:      "Seconds since the start.",
//		Signature: []string{"double"},
//		Call: func(context.Context, []xmlrpc.Value) (xmlrpc.Value, error) {
//			return xmlrpc.Double(time.Since(start).Seconds()), nil
//		},
//	})
//
// A Mux also has the methods system.listMethods, system.methodHelp, system.methodSignature and system.multicall.
//
// # Responses
//
// Responses contain only types that every client can read: int, double in plain decimal, boolean, string, array and
// struct. The clients of Ruby and Perl fail on <nil/> and <i8>, so an integer of more than 32 bits is sent as a double. A
// fault is sent with HTTP status 200. The fault codes follow "Specification for Fault Code Interoperability".
//
// # Calls
//
// A call may contain every type that clients send, including <nil/>, <i8> and base64. The size and the nesting depth of
// a call are limited. The time to parse a call is proportional to its size. Document type declarations are refused,
// because they could define entities that expand to large texts.
package xmlrpc

import (
	"fmt"
	"iter"
)

// Value is an XML-RPC value: Int, Double, NaN, Bool, String, Array, Stream or Struct. A parsed call
// contains no Stream. Values of the types base64 and dateTime are parsed as Strings, and a nil as
// an empty String.
type Value interface {
	encode(*encoder)
	kind() string // type name for signatures
}

// Int is an integer. It is sent as a double if it needs more than 32 bits.
type Int int64

// Double is a floating-point number. If it is not finite, it is sent as a string ("NaN", "+Inf").
type Double float64

// NaN is sent as a double with the text NaN. NaN is for results whose value is not a finite number,
// if the client expects a double and not a string. Clients in Go and Python can parse this double.
type NaN struct{}

// Bool is true or false.
type Bool bool

// String may contain any bytes. Bytes that XML text cannot contain are sent as U+FFFD.
type String string

// Array is a list of values of any type.
type Array []Value

// Struct is a list of named values.
type Struct []Member

// Stream is an array that produces its items while they are sent, so that a long array uses little
// memory. It stops when the client closes the connection.
type Stream iter.Seq[Value]

// Member is a named value in a Struct. The names in a Struct should be unique.
type Member struct {
	Name  string
	Value Value
}

func (Int) kind() string    { return "int" }
func (Double) kind() string { return "double" }
func (NaN) kind() string    { return "double" }
func (Bool) kind() string   { return "boolean" }
func (String) kind() string { return "string" }
func (Array) kind() string  { return "array" }
func (Stream) kind() string { return "array" }
func (Struct) kind() string { return "struct" }

// Get returns the value of the member with the given name, or nil.
func (s Struct) Get(name string) Value {
	for _, m := range s {
		if m.Name == name {
			return m.Value
		}
	}
	return nil
}

// Fault is an error that is sent to the client.
type Fault struct {
	Code int
	Text string
}

func (f *Fault) Error() string { return fmt.Sprintf("fault %d: %s", f.Code, f.Text) }

// Fault codes that this package uses.
const (
	NotWellFormed  = -32700
	BadEncoding    = -32701
	InvalidRequest = -32600 // well-formed XML, but not a valid call, or over a limit
	NoSuchMethod   = -32601
	InvalidParams  = -32602
	Failed         = -32500 // the method returned an error
)

func faultf(code int, format string, args ...any) *Fault {
	return &Fault{Code: code, Text: fmt.Sprintf(format, args...)}
}
