// Package cli has the code that the commands share for their command lines.
package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const maxDuration = 100 * 365 * 24 * time.Hour

// Duration reads seconds, or a Go duration: "10", "0.5", "1m30s".
func Duration(text string) (time.Duration, error) {
	if d, err := time.ParseDuration(text); err == nil {
		return d, nil
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if limit := maxDuration.Seconds(); err != nil || !(-limit < seconds && seconds < limit) {
		return 0, fmt.Errorf("want seconds, or a duration such as 10s or 1m30s, not %q", text)
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

// Suggest adds the nearest flag to a kingpin error about an unknown one.
func Suggest(message string, flags []string) string {
	name, unknown := strings.CutPrefix(message, "unknown long flag '--")
	if near := Nearest(strings.TrimSuffix(name, "'"), flags); unknown && near != "" {
		return message + " (did you mean --" + near + "?)"
	}
	return message
}

// Nearest returns the name most similar to word, or "" if none is similar.
func Nearest(word string, names []string) (nearest string) {
	limit := 1 + len(word)/3
	for _, name := range names {
		if d := distance(name, word); d < limit {
			nearest, limit = name, d
		}
	}
	return nearest
}

// distance is the number of bytes to insert, delete or replace to turn a into b
// (V. Levenshtein, 1965).
func distance(a, b string) int {
	row := make([]int, len(b)+1) // distances from the bytes of a read so far to each prefix of b
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
