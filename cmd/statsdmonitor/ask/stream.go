package ask

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const eventType = "text/event-stream"

// maxEvent is the maximum length of an event in bytes.
const maxEvent = 1 << 20

// ErrNoStream means that the daemon cannot stream the answer to a query.
var ErrNoStream = errors.New("the daemon cannot stream this answer")

// Stream sends a query whose answer is a stream of events. For every event, it calls the function in the parameter
// each, with the name and the data of the event. Stream returns when the stream ends, or when this function returns an
// error.
func (c *Client) Stream(ctx context.Context, name string, args url.Values, watches time.Duration, each func(event string, data []byte) error) error {
	return c.during(ctx, name, watches, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url(root+name+"?"+args.Encode()), nil)
		if err != nil {
			return err
		}
		request.Header.Set("Accept", eventType)
		response, err := c.do(ctx, request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
		switch {
		case response.StatusCode == http.StatusOK && kind == eventType:
			return events(response.Body, each)
		case response.StatusCode == http.StatusOK, kind != jsonType:
			return ErrNoStream
		}
		return refusedJSON(response)
	})
}

// events parses a stream of server-sent events: see https://html.spec.whatwg.org/#server-sent-events.
func events(r io.Reader, each func(event string, data []byte) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxEvent)
	name, data := "", ""
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case field == "event":
			name = value
		case field == "data":
			data = value
		case lines.Text() == "" && data != "":
			if err := event(name, data, each); err != nil {
				return err
			}
			name, data = "", ""
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("the stream was interrupted: %w", err)
	}
	return nil
}

func event(name, data string, each func(event string, data []byte) error) error {
	if name != "error" {
		return each(name, []byte(data))
	}
	var f failing
	if err := json.Unmarshal([]byte(data), &f); err != nil || f.Error.Text == "" {
		return errors.New("the stream ended with an error")
	}
	return f.err()
}
