package httpgate

import (
	"bytes"
	"crypto/tls"
	"log"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/internal/certs"
)

// Certificate is a certificate with its private key. It is read again when one of its files has
// changed.
type Certificate struct {
	cert, key string // paths

	mu       sync.Mutex
	current  *tls.Certificate
	stamps   [2]stamp
	looked   time.Time
	failures int // failures to read the files, in a row
	tell     *log.Logger
}

// stamp shows that a file has changed.
type stamp struct {
	at   time.Time
	size int64
}

// lookEvery is the shortest time between two checks of the files.
const lookEvery = time.Second

// ReadCertificate reads a certificate, with the ones that sign it, and its key, from files in PEM
// format.
func ReadCertificate(cert, key string) (*Certificate, error) {
	c := &Certificate{cert: cert, key: key}
	c.stamps = [2]stamp{stampOf(cert), stampOf(key)}
	return c, c.read()
}

func (c *Certificate) read() error {
	pair, err := certs.Pair(c.cert, c.key)
	if err == nil {
		c.current = pair
	}
	return err
}

func stampOf(path string) stamp {
	info, err := os.Stat(path) // follows links, which a renewed certificate often replaces
	if err != nil {
		return stamp{}
	}
	return stamp{info.ModTime(), info.Size()}
}

// get returns the certificate for a new connection. While the files cannot be read, it is the last good one.
func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= lookEvery {
		c.looked = now
		c.renew()
	}
	return c.current, nil
}

// renew reads the files again if they have changed, or if they could not be read. The two files change one after the
// other, so only the second failure in a row is reported.
func (c *Certificate) renew() {
	now := [2]stamp{stampOf(c.cert), stampOf(c.key)}
	if now == c.stamps && c.failures == 0 {
		return
	}
	c.stamps = now
	err := c.read()
	if err == nil {
		c.failures = 0
		return
	}
	if c.failures++; c.failures == 2 {
		c.tell.Printf("the certificate cannot be read again, the old one stays in use: %v", err)
	}
}

// secure makes the server speak TLS.
func (s *Server) secure() {
	s.certificate.tell = s.http.ErrorLog
	s.http.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.certificate.get}
	// HTTP/2 would serve many requests on a connection, past the gate.
	s.http.Protocols = new(http.Protocols)
	s.http.Protocols.SetHTTP1(true)
	s.http.ErrorLog = log.New(quiet{s.http.ErrorLog}, "", 0)
}

// quiet drops net/http's messages about clients that do not finish a handshake.
type quiet struct{ to *log.Logger }

func (q quiet) Write(line []byte) (int, error) {
	if !bytes.HasPrefix(line, []byte("http: TLS handshake error")) {
		q.to.Print(string(bytes.TrimSpace(line)))
	}
	return len(line), nil
}
