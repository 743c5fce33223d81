package xmlrpc

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"
)

// Method is a method that clients can call.
type Method struct {
	Name string
	Help string // description for people, with the units of the result
	// Signature lists the type of the result, and then the type of each parameter: int, double,
	// boolean, string, array, struct. The Mux checks the types of the parameters before it calls Call.
	Signature []string
	// Optional is the number of optional parameters. They are the last ones in the signature.
	Optional int
	// Takes returns how long a call with these parameters waits by design. The deadline for the
	// response is extended by this time. Calls that wait are not allowed in a multicall. Takes is nil
	// for methods that never wait.
	Takes func(params []Value) time.Duration
	// Call executes the method. It may be called by several goroutines at once. ctx ends when the
	// client closes the connection. If Call returns a *Fault, it is sent to the client. Any other
	// error is sent with the code Failed.
	Call func(ctx context.Context, params []Value) (Value, error)
}

// Mux is an http.Handler that executes calls of its methods.
type Mux struct {
	// Extend, if not nil, moves the deadline of the response to at least d from now.
	Extend func(w http.ResponseWriter, r *http.Request, d time.Duration)

	methods map[string]Method
}

// NewMux returns a Mux with the given methods and the system methods.
func NewMux(methods ...Method) *Mux {
	m := &Mux{methods: make(map[string]Method)}
	for _, method := range append(m.system(), methods...) {
		m.methods[method.Name] = method
	}
	return m
}

// call executes one call. If the method waits by design, call first calls the function wait, which
// extends the deadline for the response.
func (m *Mux) call(ctx context.Context, c call, wait func(time.Duration) error) (Value, *Fault) {
	method, err := m.find(c.method)
	if err == nil {
		err = method.check(c.params)
	}
	var takes time.Duration
	if err == nil && method.Takes != nil {
		takes = method.Takes(c.params)
	}
	if err == nil {
		err = wait(takes)
	}
	var v Value
	if err == nil {
		v, err = method.Call(ctx, c.params)
	}
	var fault *Fault
	switch {
	case err == nil:
		return v, nil
	case errors.As(err, &fault):
		return nil, fault
	}
	return nil, faultf(Failed, "%s: %s", c.method, err)
}

func (m *Mux) find(name string) (Method, error) {
	method, ok := m.methods[name]
	if !ok {
		return Method{}, faultf(NoSuchMethod, "no method %+.80q; system.listMethods lists all", name)
	}
	return method, nil
}

func (m Method) check(params []Value) error {
	want := m.Signature[1:]
	switch least := len(want) - m.Optional; {
	case len(params) >= least && len(params) <= len(want):
	case m.Optional > 0:
		return faultf(InvalidParams, "%s takes %d to %d parameters, not %d", m.Name, least, len(want), len(params))
	default:
		return faultf(InvalidParams, "%s takes %d parameters, not %d", m.Name, len(want), len(params))
	}
	for i, p := range params {
		if p.kind() != want[i] {
			return faultf(InvalidParams, "%s: parameter %d has the type %s, and must be %s", m.Name, i+1, p.kind(), want[i])
		}
	}
	return nil
}

// system returns the standard methods for listing and describing methods, and system.multicall.
func (m *Mux) system() []Method {
	return []Method{
		{
			Name:      "system.listMethods",
			Help:      "Returns the names of all methods, sorted.",
			Signature: []string{"array"},
			Call: func(context.Context, []Value) (Value, error) {
				return stringArray(slices.Sorted(maps.Keys(m.methods))), nil
			},
		},
		{
			Name:      "system.methodHelp",
			Help:      "Takes the name of a method. Returns its description.",
			Signature: []string{"string", "string"},
			Call: func(_ context.Context, params []Value) (Value, error) {
				method, err := m.find(string(params[0].(String)))
				return String(method.Help), err
			},
		},
		{
			Name:      "system.methodSignature",
			Help:      "Takes the name of a method. Returns an array of signatures. Each signature is an array of type names: first the type of the result, then the types of the parameters.",
			Signature: []string{"array", "string"},
			Call: func(_ context.Context, params []Value) (Value, error) {
				method, err := m.find(string(params[0].(String)))
				return method.signatures(), err
			},
		},
		{
			Name:      multicall,
			Help:      "Takes an array of structs {methodName, params} and makes these calls. Returns an array with one item per call: an array of one value, or a fault as a struct {faultCode, faultString}.",
			Signature: []string{"array", "array"},
			Call:      m.multicall,
		},
	}
}

// signatures returns one signature for each allowed number of parameters, the longest first.
func (m Method) signatures() (all Array) {
	for left := range m.Optional + 1 {
		all = append(all, stringArray(m.Signature[:len(m.Signature)-left]))
	}
	return all
}

func stringArray(words []string) Array {
	a := make(Array, len(words))
	for i, w := range words {
		a[i] = String(w)
	}
	return a
}
