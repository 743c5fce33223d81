package exec

import (
	"strconv"
	"strings"
)

// outputLimit is how many bytes of the output an error shows.
const outputLimit = 256

// head keeps how the output begins, and lets the program write on.
type head struct {
	kept []byte
	more bool
}

func (h *head) Write(b []byte) (int, error) {
	n := min(len(b), outputLimit-len(h.kept))
	h.kept = append(h.kept, b[:n]...)
	h.more = h.more || n < len(b)
	return len(b), nil
}

// String returns the output quoted, ready to stand behind an error.
func (h *head) String() string {
	switch text := strings.TrimSpace(string(h.kept)); {
	case h.more:
		return ": " + strconv.QuoteToASCII(text) + "..."
	case text != "":
		return ": " + strconv.QuoteToASCII(text)
	}
	return ""
}
