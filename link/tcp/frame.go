package tcp

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
)

// A frame has this format. It has a seal only if edge and central daemon share a key.
//
//	0  length  uint32, big-endian, of kind and body
//	4  kind    1 byte
//	5  body
//	   seal    the first 16 bytes of the HMAC-SHA256 of the frame's number and of the bytes before the seal
//
// The frame's number is not sent: both sides count the frames with a seal in each direction.
const (
	frameHead = 5
	sealSize  = 16
	// maxMessage is the maximum size of a message. It is the same as the default of NATS.
	maxMessage = 1 << 20
	// maxFrame is the maximum size of a body: a message with the number of its request and its
	// partition.
	maxFrame = messageHead + maxMessage
	// maxGreeting is the maximum size of a body during the handshake.
	maxGreeting = 4 << 10
)

// These are the kinds of frames, in the order in which a connection uses them. Each comment names the sender of the
// frame, edge or central daemon, and then the content. The first two frames have no seal.
const (
	kindHello     = 'H' // from the edge: name of the protocol, version, nonce
	kindChallenge = 'C' // from the central daemon: version, whether the central daemon has a key, nonce
	kindProof     = 'P' // from the edge: no content; the seal proves that the edge knows the key
	kindWelcome   = 'W' // from the central daemon: settings; the seal proves that the central daemon knows the key
	kindRefusal   = 'R' // from the central daemon: why the edge is refused; this frame has no seal
	kindMessage   = 'M' // from the edge: number of the request, partition, data
	kindAnswer    = 'A' // from the central daemon: number of the request, code, text
)

var errSeal = errors.New("a frame has a wrong seal (message authentication code): the keys differ, or the bytes were changed on the network")

// seal creates and checks the seals of one direction.
type seal struct {
	mac    hash.Hash
	number uint64
	sum    []byte
}

// newSeal derives the key for the seals of one direction from the shared key and both nonces.
func newSeal(key, nonces []byte, direction string) *seal {
	derive := hmac.New(sha256.New, key)
	derive.Write([]byte("statsd link 1 " + direction))
	derive.Write(nonces)
	return &seal{mac: hmac.New(sha256.New, derive.Sum(nil))}
}

// of returns the seal of the next frame. The result is valid until the next call.
func (s *seal) of(head [frameHead]byte, pieces ...[]byte) []byte {
	s.mac.Reset()
	s.mac.Write(binary.BigEndian.AppendUint64(s.sum[:0], s.number))
	s.mac.Write(head[:])
	for _, p := range pieces {
		s.mac.Write(p)
	}
	s.number++
	s.sum = s.mac.Sum(s.sum[:0])
	return s.sum[:sealSize]
}

// wire reads and writes the frames of a connection.
type wire struct {
	r       *bufio.Reader
	w       *bufio.Writer
	in, out *seal // nil if there is no shared key
	buffer  []byte
}

const wireBuffer = 4 << 10

func newWire(conn io.ReadWriter) *wire {
	return &wire{r: bufio.NewReaderSize(conn, wireBuffer), w: bufio.NewWriterSize(conn, wireBuffer)}
}

// write writes a frame to the buffer. Its body consists of all pieces. The caller must flush the
// buffer.
func (w *wire) write(kind byte, pieces ...[]byte) error {
	size := 1
	for _, p := range pieces {
		size += len(p)
	}
	var head [frameHead]byte
	binary.BigEndian.PutUint32(head[:], uint32(size))
	head[4] = kind
	_, err := w.w.Write(head[:])
	for _, p := range pieces {
		if err == nil {
			_, err = w.w.Write(p)
		}
	}
	if w.out != nil && err == nil {
		_, err = w.w.Write(w.out.of(head, pieces...))
	}
	return err
}

// send writes a frame and flushes the buffer.
func (w *wire) send(kind byte, pieces ...[]byte) error {
	if err := w.write(kind, pieces...); err != nil {
		return err
	}
	return w.w.Flush()
}

// head waits for the head of a frame. It returns the head, and the size of the frame's body.
func (w *wire) head(most int) (head [frameHead]byte, size int, err error) {
	if _, err = io.ReadFull(w.r, head[:]); err != nil {
		return head, 0, err
	}
	size = int(binary.BigEndian.Uint32(head[:])) - 1
	if size < 0 || size > most {
		return head, 0, fmt.Errorf("a frame of %d bytes where at most %d are allowed: the peer uses another protocol", size, most)
	}
	return head, size, nil
}

// body reads the body and the seal of a frame, and checks the seal. The buffer grows only as data
// arrives. The result is valid until the next call.
func (w *wire) body(head [frameHead]byte, size int) ([]byte, error) {
	whole := size
	if w.in != nil {
		whole += sealSize
	}
	w.buffer = w.buffer[:0]
	for len(w.buffer) < whole {
		n := min(whole-len(w.buffer), max(wireBuffer, len(w.buffer)))
		w.buffer = slices.Grow(w.buffer, n)
		part := w.buffer[len(w.buffer) : len(w.buffer)+n]
		if _, err := io.ReadFull(w.r, part); err != nil {
			return nil, err
		}
		w.buffer = w.buffer[:len(w.buffer)+n]
	}
	if w.in != nil && !hmac.Equal(w.in.of(head, w.buffer[:size]), w.buffer[size:]) {
		return nil, errSeal
	}
	return w.buffer[:size], nil
}

// receive reads a frame. The size of its body must not exceed the parameter most.
func (w *wire) receive(most int) (kind byte, body []byte, err error) {
	head, size, err := w.head(most)
	if err != nil {
		return 0, nil, err
	}
	body, err = w.body(head, size)
	return head[4], body, err
}

// expect receives a frame of the given kind.
func (w *wire) expect(kind byte, most int) ([]byte, error) {
	got, body, err := w.receive(most)
	if err == nil && got != kind {
		err = fmt.Errorf("frame %q where %q is expected: the peer uses another protocol", got, kind)
	}
	return body, err
}
