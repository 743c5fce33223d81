// Package xmlrpc is a server for XML-RPC (http://xmlrpc.com/spec.md). It works
// with clients of all languages, and is safe with hostile ones.
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
// It also has system.listMethods, system.methodHelp, system.methodSignature and
// system.multicall.
//
// # Answers
//
// Answers use only the types that every client reads: int, double in plain
// decimal, boolean, string, array and struct. The clients of Ruby and Perl break
// on <nil/> and <i8>, so an integer beyond 32 bits is sent as a double. A fault
// has HTTP status 200. Its codes follow "Specification for Fault Code
// Interoperability".
//
// # Calls
//
// All types that clients send are read, also <nil/>, <i8> and base64. A call is
// bounded in bytes and depth, and takes time in proportion to its bytes. Document
// type declarations are refused, so there are no entities to expand.
package xmlrpc

import (
	"fmt"
	"iter"
)

// Value is one XML-RPC value: Int, Double, NaN, Bool, String, Array, Stream or
// Struct. A parsed call holds no Stream; its base64 and dateTime values are
// Strings, and a nil is an empty one.
type Value interface {
	encode(*encoder)
	kind() string // the name in signatures
}

// Int is sent as a double if it needs more than 32 bits.
type Int int64

// Double is sent as a string ("NaN", "+Inf") if it is not finite.
type Double float64

// NaN is a double without a value, where a Double would be a string. The clients of Go and Python
// read it.
type NaN struct{}

// Bool is true or false.
type Bool bool

// String may hold any bytes. Bytes that XML cannot carry are sent as U+FFFD.
type String string

// Array is a list of values of any type.
type Array []Value

// Struct is a list of named values.
type Struct []Member

// Stream is an array whose items are made while they are sent, so a long one uses little memory. It
// stops when the client is gone.
type Stream iter.Seq[Value]

// Member is a named value in a Struct. Names in a Struct should be unique.
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

// Get returns the value of the member called name, or nil.
func (s Struct) Get(name string) Value {
	for _, m := range s {
		if m.Name == name {
			return m.Value
		}
	}
	return nil
}

// Fault is an error for the client.
type Fault struct {
	Code int
	Text string
}

func (f *Fault) Error() string { return fmt.Sprintf("fault %d: %s", f.Code, f.Text) }

// The codes of the faults that this package reports.
const (
	NotWellFormed  = -32700
	BadEncoding    = -32701
	InvalidRequest = -32600 // well-formed, but not a call, or over a limit
	NoSuchMethod   = -32601
	InvalidParams  = -32602
	Failed         = -32500 // the method returned an error
)

func faultf(code int, format string, args ...any) *Fault {
	return &Fault{Code: code, Text: fmt.Sprintf(format, args...)}
}
