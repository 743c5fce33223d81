// Package alertmanager sends alerts to Prometheus's Alertmanager, with version 2 of its API.
//
//	manager, err := alertmanager.New(alertmanager.Config{URL: "http://alertmanager:9093"})
//
// The endsAt of an alert is four minutes in the future. Alertmanager resolves the alert at that time, so the alert is
// sent again each minute while the problem continues. After the end of a problem, the resolved alert is sent three more
// times.
package alertmanager

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/authheader"
	"github.com/statsd-ops/statsd/notify"
	"github.com/statsd-ops/statsd/notify/post"
)

const (
	path = "/api/v2/alerts"

	defaultRepeat = time.Minute
	// lasting is the time after which an alert resolves if there is no new message about it, as a
	// multiple of Config.Repeat.
	lasting = 4
)

// Config is the configuration of an Alertmanager.
type Config struct {
	// URL is the address of Alertmanager, without /api/v2/alerts.
	URL     string
	Headers authheader.List
	// Repeat is the time between two messages about problems that continue. The default is one minute.
	Repeat time.Duration
}

// Alertmanager is a notify.Receiver that sends alerts to an Alertmanager server.
type Alertmanager struct {
	poster *post.Poster
	repeat time.Duration
}

var _ notify.Receiver = (*Alertmanager)(nil)

// New returns an Alertmanager. New sends no message.
func New(c Config) (*Alertmanager, error) {
	u, err := post.Parse(c.URL)
	if err != nil {
		return nil, err
	}
	if !strings.HasSuffix(u.Path, path) {
		u = u.JoinPath(path)
	}
	p, err := post.New(u.String(), c.Headers)
	if err != nil {
		return nil, err
	}
	if c.Repeat <= 0 {
		c.Repeat = defaultRepeat
	}
	return &Alertmanager{poster: p, repeat: c.Repeat}, nil
}

// Manner implements notify.Receiver. It requests that messages about problems that continue are repeated, because an
// Alertmanager server needs this.
func (a *Alertmanager) Manner() notify.Manner {
	return notify.Manner{Together: true, Repeat: a.repeat}
}

// alert is an alert in version 2 of the API.
type alert struct {
	Labels       labels      `json:"labels"`
	Annotations  annotations `json:"annotations"`
	StartsAt     time.Time   `json:"startsAt"`
	EndsAt       time.Time   `json:"endsAt"`
	GeneratorURL string      `json:"generatorURL,omitempty"`
}

// labels identifies an alert: two alerts with the same labels are the same alert.
type labels struct {
	Name     string `json:"alertname"`
	Severity string `json:"severity"`
	Instance string `json:"instance"`
	Service  string `json:"service"`
	Subject  string `json:"subject,omitempty"`
}

type annotations struct {
	Summary     string `json:"summary"`
	Description string `json:"description"`
	Next        string `json:"next"`
}

// Tell implements notify.Receiver.
func (a *Alertmanager) Tell(ctx context.Context, messages []notify.Message) error {
	var alerts []alert
	now := time.Now()
	for i := range messages {
		alerts = append(alerts, a.alerts(&messages[i], now)...)
	}
	body, err := json.Marshal(distinct(alerts, now))
	if err == nil {
		err = a.poster.Post(ctx, body)
	}
	if err != nil {
		return fmt.Errorf("alertmanager: %w", err)
	}
	return nil
}

// alerts returns the alerts for a message. If the severity has changed, there are two alerts: an
// alert with the new severity, and the end of the alert with the old severity.
func (a *Alertmanager) alerts(m *notify.Message, now time.Time) []alert {
	is := alert{
		Labels:       labels{Name: name(m.Reason), Severity: m.State, Instance: m.Host, Service: m.Service, Subject: m.Subject},
		Annotations:  annotations{Summary: m.Text, Description: m.Effect, Next: m.Next},
		StartsAt:     m.Began.UTC(),
		EndsAt:       now.Add(lasting * a.repeat).UTC(),
		GeneratorURL: m.Page,
	}
	if m.Stage == notify.End {
		is.EndsAt = m.Ended.UTC()
	}
	if m.Before == "" || m.Before == m.State {
		return []alert{is}
	}
	was := is
	was.Labels.Severity = m.Before
	if was.EndsAt = now.UTC(); m.Stage == notify.End {
		was.EndsAt = is.EndsAt
	}
	return []alert{was, is}
}

// distinct keeps one alert for each set of labels. There can be two alerts with the same labels if
// a problem has started again while the end of the previous problem is still repeated. distinct
// prefers a firing alert. If none of the alerts is firing, it keeps the last alert.
func distinct(alerts []alert, now time.Time) (kept []alert) {
	at := map[labels]int{}
	for _, a := range alerts {
		i, there := at[a.Labels]
		switch {
		case !there:
			at[a.Labels] = len(kept)
			kept = append(kept, a)
		case a.EndsAt.After(now) || !kept[i].EndsAt.After(now):
			kept[i] = a
		}
	}
	return kept
}

// name converts a reason to the name of an alert: sink_failing to StatsdSinkFailing.
func name(reason string) string {
	var b strings.Builder
	b.WriteString("Statsd")
	for word := range strings.SplitSeq(reason, "_") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}
