// Package room has one arrow up, whichever way its two files are ordered.
package room

// High refers to a method and a field of the other file.
func High() int {
	l := low{}
	return l.depth() + l.n
}
