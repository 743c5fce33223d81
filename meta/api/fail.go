package api

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/statsd-ops/statsd/internal/plainjson"
	"github.com/statsd-ops/statsd/meta/question"
)

// These codes exist only in the JSON API.
const (
	wrongMethod question.Code = "wrong_method" // HTTP status 405
	badType     question.Code = "bad_type"     // HTTP status 415
	internal    question.Code = "internal"     // HTTP status 500
)

// statuses maps the codes to HTTP statuses.
var statuses = map[question.Code]int{
	question.BadParameter: http.StatusBadRequest,
	question.NoToken:      http.StatusUnauthorized,
	question.WrongRole:    http.StatusForbidden,
	question.NotFound:     http.StatusNotFound,
	wrongMethod:           http.StatusMethodNotAllowed,
	question.Busy:         http.StatusConflict,
	question.TooLarge:     http.StatusRequestEntityTooLarge,
	badType:               http.StatusUnsupportedMediaType,
	question.TooMany:      http.StatusTooManyRequests,
	internal:              http.StatusInternalServerError,
	question.Ending:       http.StatusServiceUnavailable,
}

// failure is the body of an answer with an error.
type failure struct {
	API   int    `json:"api"`
	Error report `json:"error"`
}

type report struct {
	Code      question.Code `json:"code"`
	Text      string        `json:"text"`
	Parameter string        `json:"parameter"`
	Next      string        `json:"next"`
}

// maxParameter is the maximum number of bytes of an unknown parameter's name in an error.
const maxParameter = 80

// reported converts an error to the form that clients get. If the client has not caused the error,
// reported also logs it.
func (a *API) reported(err error) (failure, *question.Error) {
	var e *question.Error
	if !errors.As(err, &e) || statuses[e.Code] == 0 {
		a.cfg.ErrorLog.Printf("the api cannot answer: %v", err)
		e = &question.Error{Code: internal, Text: err.Error()}
	}
	return failure{1, report{e.Code, e.Text, e.Parameter[:min(len(e.Parameter), maxParameter)], e.Next}}, e
}

// fail sends an error as the answer.
func (a *API) fail(w http.ResponseWriter, err error) {
	body, e := a.reported(err)
	h := w.Header()
	if e.After > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.After.Seconds()))))
	}
	if e.Code == question.NoToken {
		h.Set("WWW-Authenticate", `Bearer realm="statsd"`)
	}
	text := append(plainjson.Encode(body), '\n')
	h.Set("Content-Type", jsonType)
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(statuses[e.Code])
	_, _ = w.Write(text) // fails only if the client has disconnected
}

func (a *API) wrongMethod(w http.ResponseWriter, allowed ...string) {
	list := strings.Join(allowed, ", ")
	w.Header().Set("Allow", list)
	a.fail(w, &question.Error{Code: wrongMethod, Text: "this path needs another method: use " + strings.Join(allowed, " or ")})
}
