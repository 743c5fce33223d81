package hostile

import (
	"slices"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/sink/sinktest"
)

// deliveries returns the lines that a sink received over its connections. After a broken
// connection, the daemon sends the lines again over the next one. Such lines are returned only
// once. The second result is the number of lines that were sent again.
func deliveries(connections []sinktest.Connection) (lines []string, again int) {
	var unsure []string // lines of broken connections, which may be sent again
	for _, c := range connections {
		if n := min(len(unsure), len(c.Lines)); !slices.Equal(unsure[:n], c.Lines[:n]) {
			lines = append(lines, unsure...) // not repeated: the connection broke after the daemon had sent all lines
			unsure = nil
		}
		again += min(len(unsure), len(c.Lines))
		if c.Whole {
			lines = append(lines, c.Lines...)
			unsure = nil
		} else if len(c.Lines) > len(unsure) {
			unsure = c.Lines
		}
	}
	return append(lines, unsure...), again
}

func TestDeliveries(t *testing.T) {
	for _, test := range []struct {
		connections string // each letter is a line; after it, + closes the connection and - resets it
		lines       string
		again       int
	}{
		{"ab+cd+", "abcd", 0},
		{"a-ab+c+", "abc", 1},
		{"-a-abc-ab-abcd+", "abcd", 6},
		{"ab-cd+", "abcd", 0}, // the connection broke after its last line
		{"ab+ab+", "abab", 0}, // repeated lines after a complete connection count as new
		{"ab+a-", "aba", 0},
	} {
		var connections []sinktest.Connection
		for text := test.connections; text != ""; {
			end := strings.IndexAny(text, "+-")
			connections = append(connections, sinktest.Connection{Lines: strings.Split(text[:end], ""), Whole: text[end] == '+'})
			text = text[end+1:]
		}
		lines, again := deliveries(connections)
		if got := strings.Join(lines, ""); got != test.lines || again != test.again {
			t.Errorf("%s: got %s with %d again, want %s with %d", test.connections, got, again, test.lines, test.again)
		}
	}
}
