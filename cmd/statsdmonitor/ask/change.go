package ask

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/statsd-ops/statsd/meta/question"
)

// root is the common prefix of all paths in the JSON API.
const root = "/api/v1/"

const jsonType = "application/json"

// Change requests a change of the daemon, such as names/mute. It needs a token. It stores the data of the
// response in data, which is a pointer to a type of package question.
func (c *Client) Change(ctx context.Context, name string, args map[string]any, data any) (Answer, error) {
	body, err := json.Marshal(args)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Answer: question.Answer{Data: data}}
	err = c.during(ctx, name, 0, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url(root+name), bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", jsonType)
		response, err := c.do(ctx, request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		a.Now = clock(response.Header)
		return a.changed(response)
	})
	return a, err
}

// changed parses the response to a change.
func (a *Answer) changed(response *http.Response) error {
	if response.StatusCode != http.StatusOK {
		return refusedJSON(response)
	}
	body, err := read(response.Body, questionLimit)
	if err != nil {
		return err
	}
	frame := struct {
		API int `json:"api"`
		*question.Answer
	}{0, &a.Answer}
	if err := json.Unmarshal(body, &frame); err != nil {
		return fmt.Errorf("the answer does not come from a monitor: %w", err)
	}
	if frame.API == 0 {
		return errors.New("the answer does not come from a monitor: it is not an answer of the JSON API")
	}
	return nil
}

// failing is an error response of the JSON API.
type failing struct {
	Error struct {
		Code      string `json:"code"`
		Text      string `json:"text"`
		Next      string `json:"next"`
		Parameter string `json:"parameter"`
	} `json:"error"`
}

func (f *failing) err() error {
	text := f.Error.Text
	if f.Error.Next != "" {
		text += "; " + f.Error.Next
	}
	return &Error{Code: f.Error.Code, Text: withToken(text)}
}

// maxFailure is the maximum length of an error response in bytes.
const maxFailure = 64 << 10

// refusedJSON returns the error in a response of the JSON API. A daemon of an older version does not have this
// API.
func refusedJSON(response *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxFailure))
	if err != nil {
		return err
	}
	var f failing
	if json.Unmarshal(body, &f) == nil && f.Error.Text != "" {
		return f.err()
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return refused(response)
}
