// Package webhook posts messages about problems to a URL of the operator, as JSON objects.
//
//	hook, err := webhook.New(webhook.Config{URL: "https://hooks.example.com/statsd"})
package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/statsd-ops/statsd/internal/authheader"
	"github.com/statsd-ops/statsd/notify"
	"github.com/statsd-ops/statsd/notify/post"
)

// Config is the configuration of a Webhook.
type Config struct {
	URL     string
	Headers authheader.List
}

// Webhook is a notify.Receiver that posts to a URL.
type Webhook struct{ poster *post.Poster }

var _ notify.Receiver = (*Webhook)(nil)

// New returns a Webhook. New sends no message.
func New(c Config) (*Webhook, error) {
	p, err := post.New(c.URL, c.Headers)
	if err != nil {
		return nil, err
	}
	return &Webhook{p}, nil
}

// Manner implements notify.Receiver. It requests that each message is sent separately.
func (w *Webhook) Manner() notify.Manner { return notify.Manner{} }

// message is the body of a POST request. Times are in RFC 3339 format and in UTC.
type message struct {
	Version int     `json:"version"`
	ID      string  `json:"id"`
	Event   string  `json:"event"`
	State   string  `json:"state"`
	Reason  string  `json:"reason"`
	Subject string  `json:"subject"`
	Text    string  `json:"text"`
	Effect  string  `json:"effect"`
	Next    string  `json:"next"`
	Host    string  `json:"host"`
	Service string  `json:"service"`
	Began   string  `json:"began"`
	Ended   *string `json:"ended"`
	Sent    string  `json:"sent"`
	Attempt int     `json:"attempt"`
}

// Tell implements notify.Receiver.
func (w *Webhook) Tell(ctx context.Context, messages []notify.Message) error {
	for i := range messages {
		body, err := json.Marshal(newMessage(&messages[i], time.Now()))
		if err == nil {
			err = w.poster.Post(ctx, body)
		}
		if err != nil {
			return fmt.Errorf("webhook: %w", err)
		}
	}
	return nil
}

func newMessage(m *notify.Message, now time.Time) message {
	text := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	b := message{
		Version: 1, ID: m.ID, Event: string(m.Stage), State: m.State, Reason: m.Reason, Subject: m.Subject,
		Text: m.Text, Effect: m.Effect, Next: m.Next, Host: m.Host, Service: m.Service,
		Began: text(m.Began), Sent: text(now), Attempt: m.Attempt,
	}
	if !m.Ended.IsZero() {
		ended := text(m.Ended)
		b.Ended = &ended
	}
	return b
}
