package ask

import (
	"bufio"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/kolo/xmlrpc"
)

// Call is a call of an XML-RPC method. It also has the maximum length of the response in bytes.
type Call struct {
	Method string
	Args   []any
	Limit  int64
}

// Call calls a method, and stores the returned value in result, which is a pointer.
func (c *Client) Call(ctx context.Context, q Call, result any) error {
	return c.during(ctx, q.Method, 0, func(ctx context.Context) error { return c.call(ctx, q, result) })
}

func (c *Client) call(ctx context.Context, q Call, result any) error {
	r, err := c.response(ctx, q)
	if err != nil {
		return err
	}
	if err := xmlrpc.Response(r.body).Unmarshal(result); err != nil {
		return notXMLRPC(err)
	}
	return nil
}

// reply is a response with the daemon's time.
type reply struct {
	body []byte
	date time.Time
}

// response sends a call, and returns the response if it is not a fault. It uses only the encoder of the XML-RPC
// library, because the client of the library supports neither a context nor a limit for the response.
func (c *Client) response(ctx context.Context, q Call) (reply, error) {
	request, err := xmlrpc.NewRequest(c.url("/RPC2"), q.Method, q.Args)
	if err != nil {
		return reply{}, err
	}
	r, err := c.reply(ctx, request, q.Limit)
	if err != nil {
		return reply{}, err
	}
	var fault xmlrpc.FaultError
	switch err := xmlrpc.Response(r.body).Err(); {
	case errors.As(err, &fault):
		return reply{}, &Error{Fault: fault.Code, Text: fmt.Sprintf("fault %d: %s", fault.Code, fault.String)}
	case err != nil:
		return reply{}, notXMLRPC(err)
	}
	return r, nil
}

func notXMLRPC(err error) error {
	return fmt.Errorf("the answer does not come from a monitor: %w", err)
}

// reply sends an HTTP request, and returns the response if its status is 200.
func (c *Client) reply(ctx context.Context, request *http.Request, limit int64) (reply, error) {
	response, err := c.do(ctx, request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return reply{}, refused(response)
	}
	body, err := read(response.Body, limit)
	return reply{body, clock(response.Header)}, err
}

// clock returns the daemon's time. The Date header has a precision of only 1 s, so clock returns the time of this
// host if the two differ by less than 2 s.
func clock(h http.Header) time.Time {
	now := time.Now()
	date, err := http.ParseTime(h.Get("Date"))
	if d := now.Sub(date); err != nil || -2*time.Second < d && d < 2*time.Second {
		return now
	}
	return date
}

// refused returns an error with the first line of a response whose status is not 200.
func refused(response *http.Response) error {
	line, _ := bufio.NewReader(io.LimitReader(response.Body, 256)).ReadBytes('\n')
	return &Error{Text: fmt.Sprintf("HTTP status %d: %s", response.StatusCode, bytes.TrimSpace(line))}
}

func read(r io.Reader, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(body)) > limit {
		err = fmt.Errorf("the answer has more than %d bytes", limit)
	}
	return body, err
}

// maxDepth limits the nesting of XML elements, because the XML-RPC library decodes recursively.
const maxDepth = 100

// shallow returns an error if the elements of a response are nested too deeply.
func shallow(body []byte) error {
	d := xml.NewDecoder(bytes.NewReader(body))
	for depth := 0; ; {
		token, err := d.RawToken()
		switch token.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case depth > maxDepth:
			return errors.New("the answer is nested too deep")
		}
	}
}
