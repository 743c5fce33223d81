package metric

import (
	"fmt"
	"strconv"
	"strings"
)

// FlagError is an error about the value of a setting. All packages that check settings return a
// FlagError, so that the command can add the place where the value was set.
type FlagError struct {
	Flag  string // a flag with its dashes, such as --port; for a sink, the key in its URL, such as timeout
	Value string // empty if there is no value to show
	Err   error
}

// FlagErrorf returns a FlagError. If value is nil, the error shows no value. The format describes
// the reason.
func FlagErrorf(flag string, value any, format string, args ...any) error {
	e := &FlagError{Flag: flag, Err: fmt.Errorf(format, args...)}
	if value != nil {
		e.Value = fmt.Sprint(value)
	}
	return e
}

func (e *FlagError) Error() string {
	switch {
	case e.Value == "":
		return fmt.Sprintf("%s: %v", e.Flag, e.Err)
	case strings.ContainsFunc(e.Value, func(r rune) bool { return strings.ContainsRune(" ;", r) || !strconv.IsPrint(r) }):
		return fmt.Sprintf("%s %q: %v", e.Flag, e.Value, e.Err)
	}
	return fmt.Sprintf("%s %s: %v", e.Flag, e.Value, e.Err)
}

func (e *FlagError) Unwrap() error { return e.Err }
