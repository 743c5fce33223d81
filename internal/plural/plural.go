// Package plural writes counts as people read them: "1 point", "94,292 points".
package plural

import "strconv"

// Count writes a count with commas between thousands.
func Count(n uint64) string { return Group(strconv.FormatUint(n, 10)) }

// Group puts commas between the thousands of a whole number.
func Group(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// Things writes a count of things.
func Things(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + many
}

// Verb returns one for 1, and many for other counts.
func Verb(n uint64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// Were returns "1 line was" or "2 lines were", which begins a passive sentence.
func Were(n uint64, thing string) string {
	if n == 1 {
		return "1 " + thing + " was"
	}
	return Count(n) + " " + thing + "s were"
}
