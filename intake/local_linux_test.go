package intake

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/statsd-ops/statsd/intake/kernel"
	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/metric"
)

// localConfig returns a configuration with one unix socket.
func localConfig(t testing.TB, scheme listen.Scheme, change func(*listen.Listener)) Config {
	t.Helper()
	l := listen.Listener{URL: string(scheme) + "://", Name: "dsd", Scheme: scheme, Address: filepath.Join(t.TempDir(), "s"), File: listen.File{Mode: 0o660}}
	if scheme == listen.Unix {
		l.Framing = listen.Auto
	}
	if change != nil {
		change(&l)
	}
	cfg := config()
	cfg.PortOff, cfg.Listeners = true, []listen.Listener{l}
	return cfg
}

// dialLocal connects to the unix socket of the first listener.
func (in *running) dialLocal() *net.UnixConn {
	in.t.Helper()
	at := in.listeners[0]
	conn, err := net.Dial(at.Scheme.Network(), at.Address)
	if err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(func() { _ = conn.Close() })
	return conn.(*net.UnixConn)
}

// Ten clients that wait while the socket is full lose no datagram, although the socket holds only
// eleven datagrams in total.
func TestUnixgramLosesNothing(t *testing.T) {
	t.Parallel()
	const clients, each = 10, 3000
	in := start(t, localConfig(t, listen.Unixgram, nil))
	var sending sync.WaitGroup
	for range clients {
		conn := in.dialLocal()
		sending.Go(func() {
			for range each {
				if _, err := conn.Write([]byte("hits:1|c\nhits:1|c")); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	sending.Wait()
	in.stop()
	const datagrams = clients * each
	in.check(Tally{UDPPackets: datagrams, UDPBytes: datagrams * 17, Lines: 2 * datagrams, Samples: 2 * datagrams, Aggregated: 2 * datagrams, Batches: datagrams})
	if got := in.totals()["counters.hits"]; got != 2*datagrams {
		t.Errorf("%v hits", got)
	}
}

// End reads the datagrams that wait in a unix socket.
func TestUnixgramEnd(t *testing.T) {
	t.Parallel()
	in := open(t, localConfig(t, listen.Unixgram, nil))
	conn := in.dialLocal()
	for range 11 {
		send(t, conn, "hits:1|c")
	}
	in.start()
	in.stop()
	if got := in.totals()["counters.hits"]; got != 11 {
		t.Errorf("%v hits, want 11", got)
	}
	if _, err := conn.Write([]byte("hits:1|c")); err == nil {
		t.Error("a client that sends after the end gets no error")
	}
	if _, err := os.Lstat(in.listeners[0].Address); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket file: %v", err)
	}
}

// A datagram that is longer than the buffer is counted as bad. Its complete lines are accepted.
func TestUnixgramTooLong(t *testing.T) {
	t.Parallel()
	in := start(t, localConfig(t, listen.Unixgram, nil))
	conn := in.dialLocal()
	if err := conn.SetWriteBuffer(1 << 20); err != nil {
		t.Fatal(err)
	}
	const lines = 10_000
	send(t, conn, strings.Repeat("hits:1|c\n", lines))
	in.stop()
	whole := uint64(kernel.Space / 9)
	if in.tally.Discarded[metric.TooLong] != 1 || in.tally.Aggregated != whole || in.tally.Listeners[0].Bad != 1 {
		t.Errorf("%+v, want %d samples", in.tally, whole)
	}
	if bad := in.BadLines(); len(bad) != 1 || bad[0].Reason != "too_long" || bad[0].Listener != "dsd" {
		t.Errorf("bad lines: %v", bad)
	}
}

// A datagram of 65,507 bytes, the maximum of UDP, is received completely.
func TestUnixgramLong(t *testing.T) {
	t.Parallel()
	in := start(t, localConfig(t, listen.Unixgram, nil))
	conn := in.dialLocal()
	line := "hits:1|c\n"
	text := strings.Repeat(line, 65507/len(line))
	send(t, conn, text)
	in.stop()
	if got, want := in.totals()["counters.hits"], float64(len(text)/len(line)); got != want {
		t.Errorf("%v hits, want %v", got, want)
	}
}

// frames returns the texts as frames of DogStatsD's stream protocol.
func frames(texts ...string) string {
	var all []byte
	for _, text := range texts {
		all = append(binary.LittleEndian.AppendUint32(all, uint32(len(text))), text...)
	}
	return string(all)
}

// The first bytes of a connection tell whether the client sends frames or lines.
func TestFraming(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		framing  listen.Framing
		sent     string
		hits     float64
		lines    uint64
		refused  uint64
		discards uint64
	}{
		"frames":                     {listen.Auto, frames("hits:1|c\n", "", "hits:2|c\nhits:3|c", "x"), 6, 4, 0, 1},
		"lines":                      {listen.Auto, "hits:1|c\nhits:2|c\n", 3, 2, 0, 0},
		"a line without its end":     {listen.Auto, "hits:1|c\nhits:2|c", 3, 2, 0, 0},
		"a short text":               {listen.Auto, "x\n", 0, 1, 0, 1},
		"nothing":                    {listen.Auto, "", 0, 0, 0, 0},
		"frames are expected":        {listen.DogStatsD, frames("hits:1|c"), 1, 1, 0, 0},
		"lines for frames":           {listen.DogStatsD, "hits:1|c\n", 0, 0, 1, 0},
		"frames for lines":           {listen.Lines, frames("hits:1|c") + "\n", 1, 1, 0, 0}, // the frame's length becomes part of the name, and is removed because a name cannot contain these bytes
		"the longest frame":          {listen.Auto, frames(strings.Repeat("h", 65527)+":1|c\nhits:1|c"[:9], "hits:1|c"), 1, 3, 0, 2},
		"a frame too long":           {listen.Auto, frames("hits:1|c", strings.Repeat("x", 65537), "hits:1|c"), 1, 1, 1, 0},
		"a frame of 16 MiB":          {listen.Auto, frames("hits:1|c") + "\x00\x00\x00\x01" + "hits:1|c", 1, 1, 1, 0},
		"an unfinished frame":        {listen.Auto, frames("hits:1|c") + "\x08\x00\x00\x00hits", 1, 2, 0, 1},
		"an unfinished head":         {listen.Auto, frames("hits:1|c") + "\x08\x00", 1, 2, 0, 1},
		"DogStatsD's longest on UDS": {listen.Auto, frames(strings.Repeat("hits:1|c\n", 910)), 910, 910, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := start(t, localConfig(t, listen.Unix, func(l *listen.Listener) { l.Framing = test.framing }))
			conn := in.dialLocal()
			_, err := conn.Write([]byte(test.sent))
			if test.refused == 0 && err != nil {
				t.Fatal(err)
			}
			_ = conn.CloseWrite()
			_, _ = conn.Read(make([]byte, 1)) // wait until the daemon closes the connection
			in.stop()
			c := in.tally.Listeners[0]
			if got := in.totals()["counters.hits"]; got != test.hits || c.Lines != test.lines || c.Refused[listen.BadFrame] != test.refused || c.Bad != test.discards {
				t.Errorf("%v hits, %+v, want %+v", got, c, test)
			}
		})
	}
}

// A client may split a frame at any byte.
func TestFramesCutAnywhere(t *testing.T) {
	t.Parallel()
	in := start(t, localConfig(t, listen.Unix, nil))
	text := frames("hits:1|c", "hits:1|c\nhits:1|c\n", "")
	for cut := range len(text) {
		conn := in.dialLocal()
		send(t, conn, text[:cut])
		time.Sleep(time.Millisecond) // with a pause, the daemon usually reads the two parts separately
		send(t, conn, text[cut:])
		_ = conn.Close()
	}
	in.stop()
	if got := in.totals()["counters.hits"]; got != float64(3*len(text)) {
		t.Errorf("%v hits, want %d", got, 3*len(text))
	}
}

// If a client sends half a frame and then nothing more, its connection is closed.
func TestHalfAFrame(t *testing.T) {
	t.Parallel()
	in := start(t, localConfig(t, listen.Unix, func(l *listen.Listener) { l.Line = 20 * time.Millisecond }))
	conn := in.dialLocal()
	send(t, conn, "\x08\x00\x00\x00hits")
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("it is not closed")
	}
	in.stop()
	if in.tally.TCPCut[CutUnfinished] != 1 || in.tally.Discarded[metric.Unfinished] != 1 {
		t.Errorf("%+v", in.tally)
	}
}

// Whatever bytes a client sends as frames, memory stays bounded, every byte is counted, and the
// listener keeps working.
func FuzzFrames(f *testing.F) {
	f.Add([]byte(frames("hits:1|c", "")), uint8(3))
	f.Add([]byte("hits:1|c\nhits"), uint8(1))
	f.Add([]byte("\xff\xff\xff\x00hits"), uint8(2))
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x00"), uint8(1))
	in := open(f, localConfig(f, listen.Unix, nil))
	defer in.Close()
	l, door := in.lanes[0], in.listeners[0].acceptor
	f.Fuzz(func(t *testing.T, data []byte, step uint8) {
		st := &stream{lane: l, door: door, parser: l.parser, framing: listen.Auto}
		before, sent := l.parts[0].Bytes, 0
		for len(data) > 0 && st.framing != unframed {
			n := min(max(int(step), 1)+len(data)/16, len(data))
			buf := append(append(make([]byte, 0, maxTail+n), st.tail...), data[:n]...)
			st.take(buf, n, 0, 0)
			data, sent = data[n:], sent+n
			if len(st.tail) > maxTail {
				t.Fatalf("%d bytes are kept", len(st.tail))
			}
		}
		st.end(false)
		if got := l.parts[0].Bytes - before; got != uint64(sent) {
			t.Errorf("%d bytes count, %d came", got, sent)
		}
	})
}

// The kernel identifies the sending process. Peers and BadLines return its uid, pid and program.
func TestPeers(t *testing.T) {
	t.Parallel()
	for _, scheme := range []listen.Scheme{listen.Unixgram, listen.Unix} {
		in := start(t, localConfig(t, scheme, nil))
		conn := in.dialLocal()
		send(t, conn, "hits:1|c\nbad\n")
		_ = conn.Close()
		eventually(t, "nothing comes in", func() bool { return in.Live().Lines == 2 })
		in.stop()
		all := in.Peers()
		if len(all.Peers) != 1 {
			t.Fatalf("%s: %+v", scheme, all)
		}
		p := all.Peers[0]
		if p.PID != int32(os.Getpid()) || p.UID != uint32(os.Getuid()) || p.Program == "" || p.Lines != 2 || p.Bad != 1 || p.Datagrams+p.Connections != 1 {
			t.Errorf("%s: %+v", scheme, p)
		}
		want := fmt.Sprintf("uid %d, pid %d, %s", os.Getuid(), os.Getpid(), p.Program)
		if bad := in.BadLines(); len(bad) != 1 || bad[0].Sender.String() != want {
			t.Errorf("%s: bad lines %v, want one of %q", scheme, bad, want)
		}
	}
}

// Only the users and groups in the URL may send. Data of other users is counted for the listener
// and for the process.
func TestAllowedUsers(t *testing.T) {
	t.Parallel()
	me, other := uint32(os.Getuid()), uint32(os.Getuid())+1
	myGroup := uint32(os.Getgid())
	for name, test := range map[string]struct {
		uids, gids []uint32
		allowed    bool
	}{
		"this user":         {[]uint32{other, me}, nil, true},
		"another user":      {[]uint32{other}, nil, false},
		"this group":        {[]uint32{other}, []uint32{myGroup}, true},
		"another group":     {nil, []uint32{myGroup + 1}, false},
		"all":               {nil, nil, true},
		"this user, others": {[]uint32{me}, []uint32{myGroup + 1}, true},
	} {
		for _, scheme := range []listen.Scheme{listen.Unixgram, listen.Unix} {
			in := start(t, localConfig(t, scheme, func(l *listen.Listener) { l.UIDs, l.GIDs = test.uids, test.gids }))
			conn := in.dialLocal()
			_, err := conn.Write([]byte("hits:1|c\n"))
			if err == nil {
				_ = conn.CloseWrite()
			}
			if scheme == listen.Unix {
				_, _ = conn.Read(make([]byte, 1)) // wait until the daemon closes the connection
			}
			in.stop()
			c, p := in.tally.Listeners[0], in.Peers().Peers[0]
			denied, hits := uint64(1), 0.0
			if test.allowed {
				denied, hits = 0, 1
			}
			if in.totals()["counters.hits"] != hits || c.Refused[listen.Denied] != denied || p.Denied != denied || c.Datagrams+c.Connections != 1 {
				t.Errorf("%s, %s: %v, %+v, %+v", name, scheme, in.totals(), c, p)
			}
		}
	}
}

// A client cannot pass open file descriptors to the daemon.
func TestNoFilesFromClients(t *testing.T) {
	t.Parallel()
	for _, scheme := range []listen.Scheme{listen.Unixgram, listen.Unix} {
		in := start(t, localConfig(t, scheme, nil))
		conn := in.dialLocal()
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := conn.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		control(t, raw, func(fd int) error {
			return unix.Sendmsg(fd, []byte("hits:1|c\n"), unix.UnixRights(int(w.Fd()), int(w.Fd())), nil, 0)
		})
		_ = conn.CloseWrite()
		eventually(t, "nothing comes in", func() bool { return in.Live().Samples == 1 })
		_ = w.Close()
		if err := r.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the daemon keeps the client's file open: %v", scheme, err)
		}
		in.stop()
	}
}

// A removed socket file is made again. Clients that are still connected to the old socket lose
// nothing.
func TestLostSocketFile(t *testing.T) {
	t.Parallel()
	for _, scheme := range []listen.Scheme{listen.Unixgram, listen.Unix} {
		in := start(t, localConfig(t, scheme, nil))
		at := in.listeners[0]
		old := in.dialLocal()
		send(t, old, "hits:1|c\n")
		eventually(t, "nothing comes in", func() bool { return in.Live().Samples == 1 })
		if err := os.Remove(at.Address); err != nil {
			t.Fatal(err)
		}
		send(t, old, "hits:1|c\n")
		at.rebind(in.cfg.Log, in.ending) // a running daemon calls rebind every few seconds
		send(t, in.dialLocal(), "hits:1|c\n")
		eventually(t, "samples are missing", func() bool { return in.Live().Samples == 3 })
		if st := in.State().Listeners[0]; st.Rebound != 1 || st.Lost != nil {
			t.Errorf("%s: %+v", scheme, st)
		}
		if scheme == listen.Unixgram {
			if _, err := old.Write([]byte("hits:1|c")); err == nil {
				t.Error("a client of the old socket gets no error, although the socket is closed")
			}
		}
		in.stop()
		if got := in.totals()["counters.hits"]; got != 3 {
			t.Errorf("%s: %v hits", scheme, got)
		}
		if _, err := os.Lstat(at.Address); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the socket file: %v", scheme, err)
		}
	}
}

// While a socket file cannot be made again, the state contains the error.
func TestSocketFileCannotBeMade(t *testing.T) {
	t.Parallel()
	in := start(t, localConfig(t, listen.Unix, nil))
	at := in.listeners[0]
	if err := errors.Join(os.Remove(at.Address), os.Mkdir(at.Address, 0o700)); err != nil {
		t.Fatal(err)
	}
	at.rebind(in.cfg.Log, in.ending)
	if st := in.State().Listeners[0]; st.Lost == nil || !strings.Contains(st.Lost.Error(), "there is a directory already") {
		t.Errorf("%+v", st)
	}
	if err := os.Remove(at.Address); err != nil {
		t.Fatal(err)
	}
	at.rebind(in.cfg.Log, in.ending)
	if st := in.State().Listeners[0]; st.Lost != nil || st.Rebound != 1 {
		t.Errorf("%+v", st)
	}
	send(t, in.dialLocal(), "hits:1|c\n")
	eventually(t, "nothing comes in", func() bool { return in.Live().Samples == 1 })
}

// A gauge gets the value that arrived last, even if its values arrive on different sockets.
func TestGaugeOrderOverUnixSockets(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	cfg := localConfig(t, listen.Unixgram, nil)
	cfg.PortOff = false
	cfg.Listeners = append(cfg.Listeners, listen.Listener{URL: "unix", Name: "stream", Scheme: listen.Unix, Address: filepath.Join(t.TempDir(), "t"), Framing: listen.Auto})
	for range 20 {
		in := start(t, cfg)
		stream, err := net.Dial("unix", cfg.Listeners[1].Address)
		if err != nil {
			t.Fatal(err)
		}
		gram, err := net.Dial("unixgram", cfg.Listeners[0].Address)
		if err != nil {
			t.Fatal(err)
		}
		udp, tcp := in.dial("udp"), in.dial("tcp")
		last := map[string]float64{}
		reads := uint64(0)
		for i, conn := range []net.Conn{udp, gram, stream, tcp, gram, udp, stream, gram} {
			value := float64(i)
			send(t, conn, fmt.Sprintf("g%d:%v|g\nall:%v|g\n", i%3, value, value))
			last[fmt.Sprintf("gauges.g%d", i%3)], last["gauges.all"] = value, value
			if conn == stream || conn == tcp { // for a unix stream, the time of reading is the time of arrival
				reads++
				eventually(t, "it is not read", func() bool { return in.Live().TCPReads == reads })
			}
		}
		in.stop()
		_, _ = stream.Close(), gram.Close()
		for name, want := range last {
			if got := in.totals()[name]; got != want {
				t.Errorf("%s is %v, want %v", name, got, want)
			}
		}
	}
}

// Each listener has its own limit for connections.
func TestLimitOfAListener(t *testing.T) {
	t.Parallel()
	cfg := localConfig(t, listen.Unix, func(l *listen.Listener) { l.Max = 2 })
	cfg.Listeners = append(cfg.Listeners, listen.Listener{URL: "tcp", Name: "tcp", Scheme: listen.TCP, Address: "127.0.0.1:0"})
	in := start(t, cfg)
	tcp := in.dial("tcp")
	send(t, tcp, "hits:1|c\n")
	var conns []net.Conn
	for range 4 {
		conn := in.dialLocal()
		send(t, conn, "hits:1|c\n")
		conns = append(conns, conn)
		n := uint64(len(conns)) + 1
		eventually(t, "it is not read", func() bool { return in.Live().Samples == n })
	}
	for _, conn := range conns[:2] {
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("the oldest connections are not cut")
		}
	}
	send(t, tcp, "hits:1|c\n")
	send(t, conns[2], "hits:1|c\n")
	send(t, conns[3], "hits:1|c\n")
	eventually(t, "connections within the limit were cut", func() bool { return in.Live().Samples == 8 })
	if st := in.State().Listeners; st[0].OpenConnections != 2 || st[1].OpenConnections != 1 {
		t.Errorf("%+v", st)
	}
	in.stop()
}

// Unread datagrams of an inherited unix socket can be read by the next process.
func TestInheritedUnixgram(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	outer, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	defer outer.Close()
	client, err := net.Dial("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	total := 0.0
	for range 3 {
		file, err := outer.(*net.UnixConn).File()
		if err != nil {
			t.Fatal(err)
		}
		cfg := config()
		cfg.Sockets = []*os.File{file}
		send(t, client, "hits:1|c")
		in := start(t, cfg)
		eventually(t, "nothing comes in", func() bool { return in.Live().Samples == 1 })
		in.stop()
		total += in.totals()["counters.hits"]
		if _, err := os.Lstat(path); err != nil {
			t.Fatal(err)
		}
	}
	if total != 3 {
		t.Errorf("%v hits, want 3", total)
	}
}
