package meta

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/xmlrpc"
	"github.com/statsd-ops/statsd/meta/question"
)

// questionMethods returns an XML-RPC method for each query. The method's arguments are the
// query's parameters in the same order. The method's result is a struct with the answer. If the
// parameter all is false, methods of guarded queries only return an error that asks for a token.
func questionMethods(questions []question.Question, all bool) (methods []xmlrpc.Method) {
	for i := range questions {
		q := &questions[i]
		if q.Method == "-" {
			continue
		}
		m := xmlrpc.Method{
			Name:      cmp.Or(q.Method, q.Name),
			Help:      questionHelp(q),
			Signature: []string{"struct"},
			Takes:     func(params []xmlrpc.Value) time.Duration { return methodWatches(q, params) },
			Call: func(ctx context.Context, params []xmlrpc.Value) (xmlrpc.Value, error) {
				if q.Guarded && !all {
					return nil, &xmlrpc.Fault{Code: faultNoToken, Text: q.Name + " needs a token, because the monitor is open to other machines; send Authorization: Bearer TOKEN (see --monitor-tokens)"}
				}
				return callQuestion(ctx, q, params)
			},
		}
		for _, p := range q.Parameters {
			m.Signature = append(m.Signature, [...]string{question.Text: "string", question.Int: "int", question.Bool: "boolean"}[p.Kind])
			if !p.Required {
				m.Optional++
			}
		}
		methods = append(methods, m)
	}
	return methods
}

// questionHelp describes a query, its parameters, and the fields that all answers have.
func questionHelp(q *question.Question) string {
	var b strings.Builder
	b.WriteString(q.Help)
	for i := range q.Parameters {
		p := &q.Parameters[i]
		fmt.Fprintf(&b, " %s: %s", p.Name, p.Help)
		if p.Kind == question.Int {
			fmt.Fprintf(&b, " (%d to %d", p.Min, p.Max)
			if !p.Required {
				fmt.Fprintf(&b, ", by default %d", zeroInt(p.Default))
			}
			b.WriteString(")")
		}
		b.WriteString(".")
	}
	b.WriteString(" Returns a struct. Its member \"data\" is the answer. The member \"as_of\" is the time of the flush that the answer describes, or the current time if the member \"live\" is true. The member \"took_ms\" is the time for the answer in milliseconds. The member \"looked_at\" is only in answers about traffic, and says how much traffic was watched. The member \"complete\" is false if a part of the answer is missing because of a limit or a deadline. Times are RFC 3339 in UTC, or empty.")
	return b.String()
}

func zeroInt(v any) int { n, _ := v.(int); return n }

// methodArguments checks the arguments of a call.
func methodArguments(q *question.Question, params []xmlrpc.Value) (question.Arguments, error) {
	given := make(map[string]any, len(params))
	for i, v := range params {
		switch v := v.(type) {
		case xmlrpc.String:
			given[q.Parameters[i].Name] = string(v)
		case xmlrpc.Int:
			given[q.Parameters[i].Name] = int(v)
		case xmlrpc.Bool:
			given[q.Parameters[i].Name] = bool(v)
		}
	}
	return question.Check(q.Parameters, given)
}

// methodWatches returns how long a call watches traffic before it returns the answer.
func methodWatches(q *question.Question, params []xmlrpc.Value) time.Duration {
	args, err := methodArguments(q, params)
	if err != nil {
		return 0 // the arguments are wrong; callQuestion returns this error to the client
	}
	return q.Watches(args)
}

func callQuestion(ctx context.Context, q *question.Question, params []xmlrpc.Value) (xmlrpc.Value, error) {
	args, err := methodArguments(q, params)
	if err != nil {
		return nil, faultOf(err)
	}
	ctx, cancel := context.WithTimeout(ctx, question.AnswerTime+q.Watches(args))
	defer cancel()
	answer, err := q.Ask(ctx, args)
	if err != nil {
		return nil, faultOf(err)
	}
	return xmlrpc.ValueOf(answer), nil
}

// These are the codes of faults. A bad parameter has the code xmlrpc.InvalidParams instead.
const (
	faultNotFound = -32001
	faultBusy     = -32002 // the client should ask again soon
	faultEnding   = -32003
	faultNoToken  = -32004
)

// faultOf converts an error to a fault.
func faultOf(err error) error {
	var e *question.Error
	if !errors.As(err, &e) {
		return err
	}
	code := xmlrpc.Failed
	switch e.Code {
	case question.BadParameter:
		code = xmlrpc.InvalidParams
	case question.NotFound:
		code = faultNotFound
	case question.Busy:
		code = faultBusy
	case question.Ending:
		code = faultEnding
	}
	return &xmlrpc.Fault{Code: code, Text: e.Error()}
}
