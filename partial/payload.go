package partial

import (
	"encoding/binary"
	"iter"
)

// AppendMessage appends a message to a payload. A payload contains any number of messages.
func AppendMessage(payload, message []byte) []byte {
	return appendText(payload, message)
}

// Messages yields the messages in a payload, in order. It stops after an error.
func Messages(payload []byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for len(payload) > 0 {
			size, n := binary.Uvarint(payload)
			if n <= 0 || size > uint64(len(payload)-n) {
				yield(nil, damaged("it is longer than the payload that contains it"))
				return
			}
			if !yield(payload[n:n+int(size)], nil) {
				return
			}
			payload = payload[n+int(size):]
		}
	}
}
