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

// Certificate is a certificate with its private key. The files are read again when one of them has
// changed.
type Certificate struct {
	cert, key string // paths of the files

	mu       sync.Mutex
	current  *tls.Certificate
	stamps   [2]stamp
	looked   time.Time
	failures int // number of consecutive failures to read the files
	tell     *log.Logger
}

// stamp is the modification time and size of a file. If one of them differs, the file has changed.
type stamp struct {
	at   time.Time
	size int64
}

// lookEvery is the minimum time between two checks for changed files.
const lookEvery = time.Second

// ReadCertificate reads a certificate with its chain, and its private key, from files in PEM
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
	info, err := os.Stat(path) // os.Stat follows links; a renewed certificate often comes as a changed link
	if err != nil {
		return stamp{}
	}
	return stamp{info.ModTime(), info.Size()}
}

// get returns the certificate for a new connection. If the changed files cannot be read, it returns
// the last valid certificate.
func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= lookEvery {
		c.looked = now
		c.renew()
	}
	return c.current, nil
}

// renew reads the files again if they have changed or if the last attempt failed. The operator
// changes the two files one after the other, so a single failure is normal. Only the second failure
// in a row is logged.
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
		c.tell.Printf("the changed certificate cannot be read, so the old certificate is still used: %v", err)
	}
}

// secure makes the server speak TLS with its certificate.
func (s *Server) secure() {
	s.certificate.tell = s.http.ErrorLog
	s.http.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.certificate.get}
	// With HTTP/2, a client could send many requests on one connection, and the Gate's limits would
	// not apply to them.
	s.http.Protocols = new(http.Protocols)
	s.http.Protocols.SetHTTP1(true)
	s.http.ErrorLog = log.New(quiet{s.http.ErrorLog}, "", 0)
}

// quiet drops net/http's log messages about failed TLS handshakes.
type quiet struct{ to *log.Logger }

func (q quiet) Write(line []byte) (int, error) {
	if !bytes.HasPrefix(line, []byte("http: TLS handshake error")) {
		q.to.Print(string(bytes.TrimSpace(line)))
	}
	return len(line), nil
}
