// Package plural formats counts and durations for people: "1 point", "94,292 points".
package plural

import "strconv"

// Count formats a count with commas between groups of three digits.
func Count(n uint64) string { return Group(strconv.FormatUint(n, 10)) }

// Group puts commas between groups of three digits.
func Group(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// Things formats a count with its noun. The parameter one is the singular of the noun, and the
// parameter many is its plural.
func Things(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + many
}

// Verb returns the parameter one if n is 1, and the parameter many if not.
func Verb(n uint64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// Were returns the beginning of a passive sentence: "1 line was" or "2 lines were".
func Were(n uint64, thing string) string {
	if n == 1 {
		return "1 " + thing + " was"
	}
	return Count(n) + " " + thing + "s were"
}
