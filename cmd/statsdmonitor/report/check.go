package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/statsd-ops/statsd/internal/ascii"
	"github.com/statsd-ops/statsd/meta/question"
)

// Exit codes of a check, as defined by Nagios.
const (
	CheckOK = iota
	CheckWarning
	CheckCritical
	CheckUnknown
)

// checkWords are the words for the exit codes.
var checkWords = [...]string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}

// Thresholds says for which health states a check reports WARNING or CRITICAL. If the state is Warn or worse, the check
// reports WARNING. If the state is Crit or worse, it reports CRITICAL. Each field is "degraded", "failing", or "never",
// which no state reaches.
type Thresholds struct{ Warn, Crit string }

// severity returns the rank of a health state.
func severity(state string) int {
	switch state {
	case "degraded":
		return 1
	case "failing":
		return 2
	case "never":
		return 3
	}
	return 0
}

// Code returns the exit code of a check.
func (t Thresholds) Code(state string) int {
	switch n := severity(state); {
	case state != "ok" && n == 0:
		return CheckUnknown
	case n > 0 && n >= severity(t.Crit):
		return CheckCritical
	case n > 0 && n >= severity(t.Warn):
		return CheckWarning
	}
	return CheckOK
}

// Check formats the line of a Nagios check, with performance data. kernelDropped is the number of datagrams that
// the kernel has dropped since the daemon's start.
func Check(t Thresholds, st question.Status, kernelDropped float64) string {
	return checkLine(t.Code(st.Health.State), checkText(&st)) + " | " + perfdata(&st, kernelDropped) + "\n"
}

// CheckFailed formats the line of a check that failed.
func CheckFailed(code int, why string) string { return checkLine(code, why) + "\n" }

func checkLine(code int, text string) string {
	// In the output of a Nagios check, performance data starts after a vertical bar.
	return "STATSD " + checkWords[code] + " - " + strings.ReplaceAll(ascii.Safe(text), "|", "/")
}

func checkText(st *question.Status) string {
	var reasons []question.Reason
	for _, r := range st.Health.Reasons {
		if r.State != "note" {
			reasons = append(reasons, r)
		}
	}
	switch n := len(reasons) - 1; {
	case n < 0:
		for _, r := range st.Health.Reasons {
			if r.ID == "sink_failing" { // it is a reason only when the sink is two flushes behind
				return r.Text
			}
		}
		return "nothing is wrong"
	case n == 0:
		return reasons[0].Text
	case n == 1:
		return reasons[0].Text + ", +1 reason"
	default:
		return fmt.Sprintf("%s, +%d reasons", reasons[0].Text, n)
	}
}

// perfdata formats performance data for Nagios: label=value[unit];warn;crit;min;max.
func perfdata(st *question.Status, kernelDropped float64) string {
	bare := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	whole := func(f float64) string { return strconv.FormatFloat(f, 'f', 0, 64) }
	names := "names=" + strconv.Itoa(st.Names.Held)
	if limit := st.Names.Limit; limit > 0 {
		names += fmt.Sprintf(";%d;%d;0", limit/10*9, limit)
	}
	behind := 0.0
	for i := range st.Sinks {
		behind = max(behind, st.Sinks[i].Behind)
	}
	took := "flush=" + strconv.FormatFloat(st.Flush.Took, 'f', 3, 64) + "s"
	if every := st.Flush.Interval; every > 0 {
		took += ";" + bare(every*0.8) + ";" + bare(every)
	}
	return strings.Join([]string{
		"received=" + whole(st.Received.Samples), "kernel_dropped=" + whole(kernelDropped) + "c",
		"lost_15m=" + whole(st.Lost.Sum15m) + ";1", names, "behind=" + whole(behind) + "s;60;900", took,
	}, " ")
}
