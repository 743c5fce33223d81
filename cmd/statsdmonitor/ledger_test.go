package main

import (
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/cmd/statsdmonitor/report/reporttest"
	"github.com/statsd-ops/statsd/meta/question"
)

// TestLedgerCommand checks that the command ledger prints thousands separators. It checks that the
// JSON is the unchanged answer of the daemon. It also checks the exit code for a ledger that does
// not balance.
func TestLedgerCommand(t *testing.T) {
	balanced, broken := startMonitor(t, ledgerFigures(nil)), startMonitor(t, ledgerFigures(map[string]float64{"sink.graphite.points.spooled": 1}))
	stdout, _ := invoke(t, exitOK, "ledger", "--at", balanced)
	for _, want := range []string{"  aggregated     2,999,999,989\n", "  dropped                  100   full 100\n", "  balances\n"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("prints %s, want %q", stdout, want)
		}
	}
	stdout, stderr := invoke(t, exitUnbalanced, "ledger", "--at", broken)
	if !strings.Contains(stdout, "DOES NOT BALANCE: 52,000 points in, 51,999 out\n") || stderr != "statsdmonitor: the ledger does not balance: see sink graphite\n" {
		t.Errorf("prints %s and %q", stdout, stderr)
	}
	rows := []question.Balance{{What: "samples", In: 7, Out: 7, Equal: true}, {What: "sink a\u202e", In: 7, Out: 6}}
	at := startAnswering(t, answerOf{frame: reporttest.Flushed(), data: rows})
	stdout, stderr = invoke(t, exitUnbalanced, "ledger", "--json", at)
	if !strings.HasSuffix(stdout, `"data":[{"what":"samples","in":7,"out":7,"equal":true},{"what":"sink a\u202e","in":7,"out":6,"equal":false}]}`+"\n") ||
		stderr != `statsdmonitor: the ledger does not balance: see sink a\u202e`+"\n" {
		t.Errorf("prints %s and %q", stdout, stderr)
	}
}
