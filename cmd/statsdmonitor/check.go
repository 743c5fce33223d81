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

// check prints one line for Nagios. Its error has the exit code, unless all is well.
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

// failedCheck prints why there is no state, and returns the code. A daemon that does not answer is critical.
func failedCheck(err error, stdout io.Writer) int {
	code := report.CheckUnknown
	if ask.Silent(err) {
		code = report.CheckCritical
	}
	fmt.Fprint(stdout, report.CheckFailed(code, err.Error()))
	return code
}

// kernelDropped returns how many datagrams the kernel dropped since the start; 0 if that is not known.
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
