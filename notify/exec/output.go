package exec

import (
	"strconv"
	"strings"
)

// outputLimit is the maximum number of bytes of output in an error.
const outputLimit = 256

// head stores the beginning of the output. It discards all further output, so that the program never blocks.
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

// String returns the output in quotes, in a form that can be appended to an error.
func (h *head) String() string {
	switch text := strings.TrimSpace(string(h.kept)); {
	case h.more:
		return ": " + strconv.QuoteToASCII(text) + "..."
	case text != "":
		return ": " + strconv.QuoteToASCII(text)
	}
	return ""
}
