package api

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/httpgate"
	"github.com/statsd-ops/statsd/meta/access"
	"github.com/statsd-ops/statsd/meta/question"
)

// maxArgs is the maximum length of a change's arguments in the trail, in bytes. Longer arguments are cut.
const maxArgs = 256

// maxShownName is the maximum length of a parameter's name. Longer names are shortened.
const maxShownName = 40

// serveChange makes a change, if the client has permission. It adds the request to the trail, even
// if the change fails or is refused.
func (a *API) serveChange(w http.ResponseWriter, r *http.Request, p *path) {
	if r.Method != http.MethodPost {
		a.wrongMethod(w, http.MethodPost)
		return
	}
	audit := question.Audit{Time: time.Now(), Address: r.RemoteAddr, Change: p.change.Name}
	answer, refused, err := a.change(w, r, p.change, &audit)
	if err == nil {
		audit.Result = "done"
		a.changed.Add(1)
	} else if audit.Result = "failed: " + err.Error(); refused {
		audit.Result = "refused: " + err.Error()
	}
	a.cfg.Trail.Add(audit, refused)
	if err != nil {
		a.fail(w, err)
		return
	}
	a.answer(w, r, answer)
}

// change makes a change and returns the answer. If the change was refused before anything was done, the result refused
// is true.
func (a *API) change(w http.ResponseWriter, r *http.Request, c *question.Change, audit *question.Audit) (answer question.Answer, refused bool, err error) {
	who, denied := a.cfg.Guard.Check(r, access.Changing)
	audit.Who = who
	if denied != nil {
		return answer, true, denied
	}
	if r.URL.RawQuery != "" {
		return answer, true, &question.Error{Code: question.BadParameter, Text: "a change takes its parameters from the body, not from the query string"}
	}
	given, err := fromBody(w, r)
	if err != nil {
		return answer, true, err
	}
	audit.Args = argsText(given)
	args, err := question.Check(c.Parameters, given)
	if err != nil {
		return answer, true, err
	}
	httpgate.Extend(w, r, question.AnswerTime)
	// The change continues if the client disconnects, because a partial change would be worse.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), question.AnswerTime)
	defer cancel()
	start := time.Now()
	data, err := c.Do(ctx, args)
	if errors.Is(err, context.DeadlineExceeded) {
		err = &question.Error{Code: question.Ending, Text: "the change took too long; a part of it may be done", After: time.Second}
	}
	took := float64(time.Since(start).Microseconds()) / 1000
	return question.Answer{AsOf: start, Live: true, TookMillis: took, Complete: true, Data: data}, false, err
}

// argsText formats parameters as a short line of ASCII.
func argsText(given map[string]any) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		shown := name
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" || len(name) > maxShownName {
			shown = fmt.Sprintf("%+.40q", name)
		}
		if text, ok := given[name].(string); ok {
			fmt.Fprintf(&b, "%s=%+.100q", shown, text)
		} else {
			fmt.Fprintf(&b, "%s=%v", shown, given[name])
		}
		if b.Len() > maxArgs {
			return b.String()[:maxArgs] + "..."
		}
	}
	return b.String()
}
