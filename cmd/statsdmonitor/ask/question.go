package ask

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/kolo/xmlrpc"

	"github.com/statsd-ops/statsd/meta/question"
)

// questionLimit is the maximum length of the answer to a query, in bytes.
const questionLimit = 8 << 20

// Question is one of the queries in package question.
type Question struct {
	Method string
	Name   string // name in errors; if "", the method's name is used
	Args   []any
	// Watches is how long the daemon watches traffic before it sends the answer.
	Watches time.Duration
}

// Answer is the answer to a query, with the daemon's time when it answered.
type Answer struct {
	question.Answer
	Now time.Time
}

// Ask sends a query. It stores the data of the answer in data, which is a pointer to a type of package
// question.
func (c *Client) Ask(ctx context.Context, q Question, data any) (Answer, error) {
	var a Answer
	name := cmp.Or(q.Name, q.Method)
	err := c.during(ctx, name, q.Watches, func(ctx context.Context) error {
		r, err := c.response(ctx, Call{q.Method, q.Args, questionLimit})
		if err != nil {
			return explained(name, err)
		}
		a.Now = r.date
		return a.decode(r.body, data)
	})
	a.Data = reflect.ValueOf(data).Elem().Interface()
	return a, err
}

// explained rewrites an error of the daemon, so that users who do not know the fault codes understand it.
func explained(name string, err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	text := withToken(e.Text)
	switch {
	case e.Fault == faultMethod:
		text = fmt.Sprintf("it cannot answer %s: this statsd is older than this statsdmonitor; use the old form statsdmonitor HOST PORT", name)
	case e.Fault == faultArguments || -32099 <= e.Fault && e.Fault <= -32000:
		text = strings.TrimPrefix(text, fmt.Sprintf("fault %d: ", e.Fault))
	}
	return &Error{Code: e.Code, Fault: e.Fault, Text: text}
}

// withToken replaces the daemon's advice about tokens, which is for programs, by advice for users
// of statsdmonitor.
func withToken(text string) string {
	return strings.Replace(text, "send Authorization: Bearer TOKEN", "give its file with --token-file", 1)
}

func (a *Answer) decode(body []byte, data any) error {
	if err := shallow(body); err != nil {
		return notXMLRPC(err)
	}
	var frame any
	if err := xmlrpc.Response(body).Unmarshal(&frame); err != nil {
		return notXMLRPC(err)
	}
	members, ok := frame.(map[string]any)
	if !ok {
		return unexpected("the answer", "a struct", frame)
	}
	for _, name := range []string{"as_of", "data"} { // every answer must have these members
		if _, ok := members[name]; !ok {
			return fmt.Errorf("the answer does not come from a monitor: the member %s is missing", name)
		}
	}
	if err := decodeStruct(members, reflect.ValueOf(&a.Answer).Elem(), ""); err != nil {
		return err
	}
	return decode(members["data"], reflect.ValueOf(data).Elem(), ".data")
}
