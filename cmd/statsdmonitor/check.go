package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/statsd-ops/statsd/cmd/statsdmonitor/ask"
	"github.com/statsd-ops/statsd/cmd/statsdmonitor/report"
	"github.com/statsd-ops/statsd/meta/question"
)

// check prints one line for Nagios. Unless the state is OK, it returns an error with the exit code.
func check(ctx context.Context, s *session) error {
	var status question.Status
	a, err := s.client.Ask(ctx, ask.Question{Method: "status"}, &status)
	if err != nil {
		return err
	}
	t := report.Thresholds{Warn: s.text("warn"), Crit: s.text("crit")}
	code := t.Code(status.Health.State)
	r := result{now: a.Now, json: frame{1, a.Answer}, text: func(report.Page) string {
		return report.Check(t, status, kernelDropped(ctx, s.client))
	}}
	if err := s.print(r); err != nil || code == report.CheckOK {
		return err
	}
	return &exit{code: code}
}

// failedCheck prints why the state is unknown, and returns the exit code. A daemon that does not answer is
// CRITICAL.
func failedCheck(err error, stdout io.Writer) int {
	code := report.CheckUnknown
	if ask.Silent(err) {
		code = report.CheckCritical
	}
	fmt.Fprint(stdout, report.CheckFailed(code, err.Error()))
	return code
}

// kernelDropped returns the number of datagrams that the kernel has dropped since the daemon's start. It returns
// 0 if this number is unknown.
func kernelDropped(ctx context.Context, client *ask.Client) float64 {
	var text string
	if err := client.Call(ctx, ask.Call{Method: "istats", Limit: answerLimit}, &text); err != nil {
		return 0
	}
	var figures struct {
		Dropped float64 `json:"udp.kernel_dropped"`
	}
	_ = json.Unmarshal([]byte(text), &figures)
	return figures.Dropped
}
