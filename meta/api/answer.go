package api

import (
	"bytes"
	"compress/gzip"
	"hash/fnv"
	"net/http"
	"strconv"
	"strings"

	"github.com/statsd-ops/statsd/internal/accept"
	"github.com/statsd-ops/statsd/internal/plainjson"
	"github.com/statsd-ops/statsd/meta/question"
)

const (
	jsonType = "application/json; charset=utf-8"
	// compressAbove is the size from which answers are compressed, in bytes.
	compressAbove = 1 << 10
)

// frame is the JSON object that clients get as an answer.
type frame struct {
	API int `json:"api"`
	question.Answer
}

func frameOf(answer question.Answer) []byte {
	return append(plainjson.Encode(frame{1, answer}), '\n')
}

func (a *API) answer(w http.ResponseWriter, r *http.Request, answer question.Answer) {
	a.write(w, r, http.StatusOK, frameOf(answer))
}

// write sends JSON. It compresses large answers if the client accepts this.
func (a *API) write(w http.ResponseWriter, r *http.Request, code int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", jsonType)
	h.Set("Cache-Control", "no-store")
	if len(body) > compressAbove {
		h.Set("Vary", "Accept-Encoding")
		if accept.Gzip(r.Header.Values("Accept-Encoding")) {
			h.Set("Content-Encoding", "gzip")
			body = compressed(body)
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	_, _ = w.Write(body) // fails only if the client has disconnected
}

func compressed(body []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed) // never fails, because the level is valid
	_, _ = z.Write(body)                            // writing to a Buffer never fails
	_ = z.Close()
	return b.Bytes()
}

// tagged reports whether If-None-Match contains the ETag. It does not accept "*", because a client could then get a 304
// for an answer that it never got.
func tagged(header []string, tag string) bool {
	for one := range strings.SplitSeq(strings.Join(header, ","), ",") {
		if strings.TrimPrefix(strings.TrimSpace(one), "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}

func sum(text string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text)) // writing to a hash never fails
	return h.Sum32()
}
