package xmlrpc

import (
	"mime"
	"net/http"
	"strings"
	"time"
)

// maxBody is the maximum size of a call in bytes. A multicall with maxCalls calls needs only about
// a tenth of this size.
const maxBody = 64 << 10

// ServeHTTP answers a POST request with XML. Any other request gets a plain HTTP error. A request must have the content
// type text/xml. This protects against web pages of other hosts. Before a browser sends text/xml for such a page, it
// asks with an OPTIONS request. ServeHTTP refuses OPTIONS, so the browser does not send the call.
//
// The http.Server must limit the time for a request.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "use POST for XML-RPC", http.StatusMethodNotAllowed)
		return
	}
	if !isXML(r.Header.Get("Content-Type")) || r.Header.Get("Content-Encoding") != "" {
		http.Error(w, "XML-RPC needs Content-Type: text/xml and no Content-Encoding", http.StatusUnsupportedMediaType)
		return
	}
	v, fault := m.answer(w, r)
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	// A write error means that the client has closed the connection.
	if fault != nil {
		_ = writeFault(w, fault)
		return
	}
	_ = writeResponse(w, v)
}

// answer parses a call and executes it.
func (m *Mux) answer(w http.ResponseWriter, r *http.Request) (Value, *Fault) {
	body := http.MaxBytesReader(w, r.Body, maxBody)
	if r.ContentLength > maxBody {
		return nil, faultf(InvalidRequest, "a request has at most %d bytes, not %d", maxBody, r.ContentLength)
	}
	c, fault := parseCall(body)
	if fault != nil {
		return nil, fault
	}
	return m.call(r.Context(), c, func(d time.Duration) error {
		if m.Extend != nil {
			m.Extend(w, r, d)
		}
		return nil
	})
}

func isXML(contentType string) bool {
	mediaType, _, err := mime.ParseMediaType(contentType)
	return err == nil && (mediaType == "text/xml" || mediaType == "application/xml" || strings.HasSuffix(mediaType, "+xml"))
}
