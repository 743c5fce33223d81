package load

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/statsd-ops/statsd/metric"
)

// answerBuffer is the number of bytes of a response that are written at once.
const answerBuffer = 32 << 10

// write writes the window as JSON in gstatsd's format.
func (w *window) write(to io.Writer, s *shape) error {
	b := bufio.NewWriterSize(to, answerBuffer)
	fmt.Fprintf(b, `{"last_frame_time": %d, "Stat": {`, w.frame)
	between := ""
	var line []byte
	var err error
	w.points(s, func(key []byte, value float64) bool {
		line = append(line[:0], between...)
		line = appendKey(line, key)
		line = append(line, ": "...)
		line = strconv.AppendFloat(line, value, 'f', -1, 64)
		between = ", "
		_, err = b.Write(line)
		return err == nil
	})
	if err != nil {
		return err
	}
	if _, err := b.WriteString("}}\n"); err != nil {
		return err
	}
	return b.Flush()
}

// appendKey appends a key as a JSON string. Only tags can contain characters that need escapes.
func appendKey(dst, key []byte) []byte {
	if metric.IsClean(key) {
		dst = append(dst, '"')
		dst = append(dst, key...)
		return append(dst, '"')
	}
	quoted, _ := json.Marshal(string(key)) // encoding a string never fails
	return append(dst, quoted...)
}
