package graphite

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/sink/secure"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

// receiver is a TLS server. A function of the test handles each connection.
type receiver struct {
	*counterpart.Authority
	addr string
	over <-chan struct{} // closed at the end of the test
	mu   sync.Mutex
	got  bytes.Buffer
	many int // number of accepted connections
}

// serveTLS starts a receiver that requests no client certificate. When serve returns, the connection is closed
// without a close_notify message.
func serveTLS(t *testing.T, serve func(*receiver, *tls.Conn)) *receiver {
	t.Helper()
	return serveTLSWith(t, tls.NoClientCert, serve)
}

func serveTLSWith(t *testing.T, clients tls.ClientAuthType, serve func(*receiver, *tls.Conn)) *receiver {
	t.Helper()
	r := &receiver{Authority: counterpart.NewAuthority(t), over: t.Context().Done()}
	own, err := tls.LoadX509KeyPair(r.Issue("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = listener.Addr().String()
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			r.many++
			r.mu.Unlock()
			context := t.Context()
			serving.Go(func() {
				defer conn.Close()
				if c := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: clients}); c.HandshakeContext(context) == nil {
					serve(r, c)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	return r
}

func (r *receiver) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got.Write(b)
}

// lines returns the received lines and the number of accepted connections.
func (r *receiver) lines() ([]string, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Split(strings.TrimSuffix(r.got.String(), "\n"), "\n"), r.many
}

func (r *receiver) config() Config { return Config{Addr: r.addr, TLS: &secure.TLS{CA: r.File}} }

// takeAll reads all data, and then sends a close_notify message.
func takeAll(r *receiver, c *tls.Conn) {
	_, _ = io.Copy(r, c)
	_ = c.CloseWrite()
}

func TestTLSDelivers(t *testing.T) {
	bothModes(t, func(t *testing.T, keepOpen bool) {
		r := serveTLS(t, takeAll)
		cfg := r.config()
		cfg.KeepOpen = keepOpen
		s := newSink(t, cfg)
		payload, want := lines(20_000)
		for range 3 {
			mustSend(t, s, payload)
		}
		if err := s.Close(); err != nil { // Close ends a connection that KeepOpen left open, so the receiver gets all data
			t.Error(err)
		}
		want = slices.Concat(want, want, want)
		var got []string
		var many int
		for end := time.Now().Add(patience); len(got) < len(want) && time.Now().Before(end); time.Sleep(time.Millisecond) {
			got, many = r.lines()
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d lines arrived, want %d", len(got), len(want))
		}
		if connections := map[bool]int{false: 3, true: 1}[keepOpen]; many != connections {
			t.Errorf("%d connections, want %d", many, connections)
		}
	})
}

// TestTLSSlowReceiverGetsNothingTwice checks that a payload continues on the same connection after a Send timed
// out. With a tls.Conn alone this would not be possible.
func TestTLSSlowReceiverGetsNothingTwice(t *testing.T) {
	bothModes(t, func(t *testing.T, keepOpen bool) {
		r := serveTLS(t, func(r *receiver, c *tls.Conn) {
			_ = c.NetConn().(*net.TCPConn).SetReadBuffer(64 << 10)
			buf := make([]byte, 32<<10)
			for {
				n, err := c.Read(buf)
				_, _ = r.Write(buf[:n])
				if err != nil {
					break
				}
				time.Sleep(5 * time.Millisecond)
			}
			_ = c.CloseWrite()
		})
		cfg := r.config()
		cfg.KeepOpen, cfg.Timeout = keepOpen, 20*time.Millisecond
		s := newSink(t, cfg)
		payload, want := lines(20_000)
		timeouts := 0
		for start := time.Now(); ; timeouts++ {
			err := s.Send(t.Context(), payload)
			if err == nil {
				break
			}
			if !isTimeout(err) || time.Since(start) > patience {
				t.Fatal(err)
			}
		}
		if timeouts == 0 {
			t.Error("the receiver was not slow: no Send ran out of time")
		}
		var got []string
		var many int
		for end := time.Now().Add(patience); len(got) < len(want) && time.Now().Before(end); time.Sleep(time.Millisecond) {
			got, many = r.lines()
		}
		if !slices.Equal(got, want) || many != 1 {
			t.Errorf("%d lines arrived over %d connections, want %d over 1", len(got), many, len(want))
		}
	})
}

// TestTLSEndConfirmsNothing checks that a close_notify message alone does not confirm a payload. A
// receiver can send this message before it has read the data.
func TestTLSEndConfirmsNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		lines int // lines to send; the kernel acknowledges up to 2,000 lines that the receiver has not read
		serve func(*receiver, *tls.Conn)
	}{
		"stays": {1500, func(r *receiver, c *tls.Conn) {
			_ = c.CloseWrite()
			<-r.over
		}},
		"closes with bytes unread": {1500, func(_ *receiver, c *tls.Conn) {
			_ = c.CloseWrite()
			time.Sleep(50 * time.Millisecond) // wait until the lines have arrived at the receiver
		}},
		"reads a part": {20_000, func(_ *receiver, c *tls.Conn) {
			_, _ = c.Read(make([]byte, 10))
			_ = c.CloseWrite()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := serveTLS(t, tt.serve).config()
			cfg.Timeout = 200 * time.Millisecond
			payload, _ := lines(tt.lines)
			err := newSink(t, cfg).Send(t.Context(), payload)
			if !errors.As(err, new(net.Error)) {
				t.Errorf("error %v, want one of the network", err)
			}
		})
	}
}

func TestTLSReceiverAnswers(t *testing.T) {
	r := serveTLS(t, func(_ *receiver, c *tls.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		_, _ = io.Copy(io.Discard, c)
	})
	payload, _ := lines(3)
	if err := newSink(t, r.config()).Send(t.Context(), payload); err == nil || !strings.Contains(err.Error(), "HTTP/1.1 400") {
		t.Errorf("error %v, want the answer quoted", err)
	}
}

// TestTLSVerifies checks that data is sent only to a receiver with a valid certificate.
func TestTLSVerifies(t *testing.T) {
	r := serveTLS(t, takeAll)
	plain := sinktest.NewServer(t)
	plain.Set(sinktest.Fault{Answer: "HTTP/1.1 400 Bad Request\r\n\r\n"})
	other := counterpart.NewAuthority(t)
	_, port, _ := net.SplitHostPort(r.addr)
	payload, _ := lines(3)
	for _, tt := range []struct {
		name string
		addr string
		tls  secure.TLS
		want string // part of the error; "" if the receiver is accepted
	}{
		{"the receiver", r.addr, secure.TLS{CA: r.File}, ""},
		{"another authority", r.addr, secure.TLS{CA: other.File}, "certificate signed by unknown authority"},
		{"the system's authorities", r.addr, secure.TLS{}, "certificate signed by unknown authority"},
		{"another name", "localhost:" + port, secure.TLS{CA: r.File}, "wanted to match localhost"},
		{"its name", "localhost:" + port, secure.TLS{CA: r.File, ServerName: "127.0.0.1"}, ""},
		{"anybody", "localhost:" + port, secure.TLS{Insecure: true}, ""},
		{"no TLS", plain.Addr(), secure.TLS{CA: r.File}, "first record does not look like a TLS handshake"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSink(t, Config{Addr: tt.addr, TLS: &tt.tls})
			before, _ := r.lines()
			err := s.Send(t.Context(), payload)
			after, _ := r.lines()
			if tt.want == "" && (err != nil || len(after) == len(before)) {
				t.Errorf("error %v, %d lines arrived before, %d after", err, len(before), len(after))
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || len(after) != len(before)) {
				t.Errorf("error %v, want %q, and nothing sent", err, tt.want)
			}
		})
	}
}

// TestTLSRefused uses a receiver that requires a client certificate. In TLS 1.3, the receiver rejects the client
// only after the first data was sent.
func TestTLSRefused(t *testing.T) {
	bothModes(t, func(t *testing.T, keepOpen bool) {
		cfg := serveTLSWith(t, tls.RequireAnyClientCert, takeAll).config()
		cfg.KeepOpen = keepOpen
		s := newSink(t, cfg)
		payload, _ := lines(3)
		err := s.Send(t.Context(), payload)
		if keepOpen && err == nil {
			waitClosed(t, s)
			err = s.Send(t.Context(), payload)
		}
		if err == nil || !strings.Contains(err.Error(), "tls: certificate required") {
			t.Errorf("error %v, want the receiver's error", err)
		}
	})
}

func TestTLSFiles(t *testing.T) {
	a := counterpart.NewAuthority(t)
	cert, key := a.Issue("web1")
	for want, files := range map[string]secure.TLS{
		"ca: open /nowhere: no such file":  {CA: "/nowhere"},
		"ca: " + key + " has no":           {CA: key},
		"cert: needs key too":              {Cert: cert},
		"key: needs cert too":              {Key: key},
		"cert: open /nowhere: no such":     {Cert: "/nowhere", Key: key},
		"cert: tls: failed to find certif": {Cert: key, Key: key},
	} {
		if _, err := New(Config{Addr: "localhost:1", TLS: &files}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: error %v, want %q", files, err, want)
		}
	}
}

// TestTLSFilesChange checks that changed certificate files are used for the next connection.
func TestTLSFilesChange(t *testing.T) {
	r := serveTLS(t, takeAll)
	wrong, err := os.ReadFile(counterpart.NewAuthority(t).File)
	if err != nil {
		t.Fatal(err)
	}
	right, err := os.ReadFile(r.File)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	put := func(text []byte) {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(wrong)
	s := newSink(t, Config{Addr: r.addr, TLS: &secure.TLS{CA: file}})
	payload, _ := lines(3)
	if err := s.Send(t.Context(), payload); err == nil {
		t.Fatal("an unknown authority is trusted")
	}
	put(right)
	mustSend(t, s, payload)
	put(nil)
	if err := s.Send(t.Context(), payload); err == nil || !strings.Contains(err.Error(), "has no certificate in PEM") {
		t.Errorf("error %v, want one about the file", err)
	}
}
