// Package cli has code for command lines that all commands share.
package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const maxDuration = 100 * 365 * 24 * time.Hour

// Duration parses a number of seconds, or a Go duration: "10", "0.5", "1m30s".
func Duration(text string) (time.Duration, error) {
	if d, err := time.ParseDuration(text); err == nil {
		return d, nil
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if limit := maxDuration.Seconds(); err != nil || !(-limit < seconds && seconds < limit) {
		return 0, fmt.Errorf("must be seconds, or a duration such as 10s or 1m30s, not %q", text)
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

// Suggest adds the most similar flag to kingpin's error message about an unknown flag.
func Suggest(message string, flags []string) string {
	name, unknown := strings.CutPrefix(message, "unknown long flag '--")
	if near := Nearest(strings.TrimSuffix(name, "'"), flags); unknown && near != "" {
		return message + " (did you mean --" + near + "?)"
	}
	return message
}

// Nearest returns the name most similar to word, or "" if no name is similar.
func Nearest(word string, names []string) (nearest string) {
	limit := 1 + len(word)/3
	for _, name := range names {
		if d := distance(name, word); d < limit {
			nearest, limit = name, d
		}
	}
	return nearest
}

// distance returns the edit distance of a and b: how many bytes must be inserted, deleted,
// replaced, or swapped with a neighbour to turn a into b (optimal string alignment).
func distance(a, b string) int {
	// Row i has the distances from the first i bytes of a to each prefix of b. above is row i-1, and
	// twoAbove is row i-2.
	row, above, twoAbove := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		twoAbove, above, row = above, row, twoAbove
		row[0] = i + 1
		for j := range b {
			replaced := above[j]
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(replaced, row[j]+1, above[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], twoAbove[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
