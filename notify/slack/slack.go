// Package slack posts to a channel of Slack, Mattermost, Rocket.Chat or another program with Slack's incoming webhooks.
//
//	channel, err := slack.New(slack.Config{URL: "https://hooks.slack.com/services/..."})
//
// It posts at most one message per minute. All problems of a minute are combined into one message.
package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/authheader"
	"github.com/statsd-ops/statsd/notify"
	"github.com/statsd-ops/statsd/notify/post"
)

const (
	pause = time.Minute
	// maxNamed is the maximum number of problems that are named in a combined message.
	maxNamed = 10
)

// Config is the configuration of a Slack.
type Config struct {
	URL     string // a secret, because everyone who knows the URL can post
	Headers authheader.List
}

// Slack is a notify.Receiver that posts to a channel.
type Slack struct{ poster *post.Poster }

var _ notify.Receiver = (*Slack)(nil)

// New returns a Slack. New sends no message.
func New(c Config) (*Slack, error) {
	p, err := post.New(c.URL, c.Headers)
	if err != nil {
		return nil, err
	}
	return &Slack{p}, nil
}

// Manner implements notify.Receiver. It requests combined messages, so that people get only a few.
func (s *Slack) Manner() notify.Manner {
	return notify.Manner{Together: true, Ends: true, Pause: pause}
}

// Tell implements notify.Receiver.
func (s *Slack) Tell(ctx context.Context, messages []notify.Message) error {
	body, err := json.Marshal(map[string]string{"text": plain(text(messages))})
	if err == nil {
		err = s.poster.Post(ctx, body)
	}
	if err != nil {
		return fmt.Errorf("slack: %w", err)
	}
	return nil
}

// text formats the message about the most serious problem completely. Other problems are only named.
func text(messages []notify.Message) string {
	var begun, ended []notify.Message
	for _, m := range messages {
		if m.Stage == notify.End {
			ended = append(ended, m)
		} else {
			begun = append(begun, m)
		}
	}
	var lines []string
	if len(begun) > 0 {
		worst := 0
		for i := range begun {
			if begun[i].State == "failing" && begun[worst].State != "failing" {
				worst = i
			}
		}
		m := begun[worst]
		lines = append(lines, fmt.Sprintf("%s is %s: %s", title(&m), m.State, m.Text), "Effect: "+m.Effect, "Next: "+m.Next)
		lines = append(lines, others(append(begun[:worst:worst], begun[worst+1:]...), "more problem", "more problems")...)
	}
	if len(ended) > 0 {
		m := ended[0]
		lines = append(lines, fmt.Sprintf("%s: %s ended after %s: %s", title(&m), m.Name(), m.Ended.Sub(m.Began).Round(time.Second), m.Text))
		lines = append(lines, others(ended[1:], "more problem ended", "more problems ended")...)
	}
	return strings.Join(lines, "\n")
}

func title(m *notify.Message) string { return m.Service + " on " + m.Host }

// others returns a line with the number of messages and their names, or nothing if there are no messages.
func others(messages []notify.Message, one, many string) []string {
	if len(messages) == 0 {
		return nil
	}
	var names []string
	for i := range messages[:min(len(messages), maxNamed)] {
		names = append(names, messages[i].Name())
	}
	if len(messages) > maxNamed {
		names = append(names, "...")
	}
	if len(messages) > 1 {
		one = many
	}
	return []string{fmt.Sprintf("%d %s: %s", len(messages), one, strings.Join(names, ", "))}
}

var (
	escape   = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	mentions = regexp.MustCompile(`@(\w)`)
)

// plain escapes characters that could mention people: &, < and > have a special meaning in Slack, and @ in
// Mattermost.
func plain(text string) string { return mentions.ReplaceAllString(escape.Replace(text), "@\u200b$1") }
