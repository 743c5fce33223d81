package intake

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/statsd-ops/statsd/intake/admit"
	"github.com/statsd-ops/statsd/intake/kernel"
	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/intake/probe"
)

// train returns a client that sends each write as one GSO packet with datagrams of the given size (UDP_SEGMENT). The
// receiver gets a train (datagrams that the kernel coalesced, UDP_GRO). If the kernel does not support UDP_SEGMENT,
// train skips the test.
func train(t testing.TB, address string, size int) net.Conn {
	t.Helper()
	conn, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	raw, err := conn.(*net.UDPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_SEGMENT, size) }); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip("the kernel does not cut datagrams: ", err)
	}
	return conn
}

// one returns a configuration with one receiver.
func one() Config {
	cfg := config()
	cfg.Receivers = 1
	return cfg
}

// read reads the data that waits in the socket of a receiver whose goroutine does not run. It
// returns the number of messages.
func (in *running) read() (messages int) {
	in.t.Helper()
	r := in.receivers[0]
	for {
		n, err := r.socket.Read(false)
		if err != nil {
			in.t.Fatal(err)
		}
		if n == 0 {
			return messages
		}
		r.take(n)
		messages += n
	}
}

// Each datagram of a coalesced packet is counted, with or without times of arrival and senders. The last datagram may be
// shorter. Each datagram may contain several lines.
func TestTrain(t *testing.T) {
	for _, times := range []bool{false, true} {
		for _, senders := range []bool{false, true} {
			in := open(t, one())
			r := in.receivers[0]
			r.socket.WantTimes(times)
			r.socket.WantSenders(senders)
			conn := train(t, in.Addr().String(), 12)
			from := netip.MustParseAddrPort(conn.LocalAddr().String()).Addr()

			send(t, conn, "a:1|c\nb:22|c"+"a:3|c\nb:44|c"+"a:55555555|c"+"a:1|c")
			send(t, conn, "a:1|c") // a single datagram
			n, err := r.socket.Read(false)
			if err != nil || n != 2 || r.socket.Train(0) != 12 || r.socket.Train(1) != 0 {
				t.Fatalf("%d messages with datagrams of %d and %d bytes, %v; want 2, of 12 and 0", n, r.socket.Train(0), r.socket.Train(1), err)
			}
			if at := r.socket.Arrived(0); (at != 0) != times || times && time.Since(time.Unix(0, at)).Abs() > time.Hour {
				t.Errorf("arrived at %d", at)
			}
			if sender := r.socket.Sender(0); sender.Known() != senders || senders && sender.Addr() != from {
				t.Errorf("the sender is %v, want %v", sender, from)
			}
			r.take(n)
			tally := in.Live()
			if tally.UDPPackets != 5 || tally.UDPBytes != 46 || tally.Lines != 7 || tally.Batches != 2 || tally.Aggregated != 7 {
				t.Errorf("times %v, senders %v: %+v; want 5 datagrams of 46 bytes, 7 lines", times, senders, tally)
			}
			if tally.Listeners[0].Datagrams != 5 {
				t.Errorf("the listener has %d datagrams, want 5", tally.Listeners[0].Datagrams)
			}
			in.stop()
			if got := in.counts["counters.a"]; got != 55555561 {
				t.Errorf("a is %v, want 55555561: %v", got, in.counts)
			}
		}
	}
}

// A bad line in a coalesced packet does not affect other lines. The sender of the packet is reported as the sender of
// the bad line. The bytes of a sample in the packet stay unchanged until the sample is added.
func TestBadLineInTrain(t *testing.T) {
	cfg := one()
	cfg.DiscardSenders = SendersOn
	in := open(t, cfg)
	conn := train(t, in.Addr().String(), 7)
	send(t, conn, strings.Repeat("aa:1|c\n", 20)+"bb:x|c\n"+strings.Repeat("cc:1|c\n", 20)+"dd:1|c")
	if messages := in.read(); messages != 1 {
		t.Fatalf("%d messages, want 1", messages)
	}
	tally := in.Live()
	if tally.UDPPackets != 42 || tally.Samples != 42 || tally.Aggregated != 41 {
		t.Errorf("%+v; want 42 datagrams, one of them bad", tally)
	}
	bad := in.BadLines()
	if len(bad) != 1 || string(bad[0].Line) != "bb:x|c" || bad[0].Sender.String() != conn.LocalAddr().String() {
		t.Errorf("bad lines %v", bad)
	}
}

// A probe (of a query about traffic) gets each line of a coalesced packet, with the sender of the packet.
func TestProbeOfTrain(t *testing.T) {
	in := open(t, one())
	in.receivers[0].socket.WantSenders(true)
	in.receivers[0].asking = true
	tail, err := in.Tail(probe.TailQuery{Match: "b*", Senders: true, For: time.Minute, Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer tail.Close()
	conn := train(t, in.Addr().String(), 6)
	send(t, conn, "aa:1|c"+"bb:1|c"+"bc:2|c"+"d:1|c")
	in.read()
	for _, want := range []string{"bb:1|c", "bc:2|c"} {
		line := <-tail.Lines
		if string(line.Text) != want || line.Over != probe.UDP || line.Sender != "127.0.0.1" {
			t.Errorf("got %+v, want %s", line, want)
		}
	}
}

// A listener with a guard checks each datagram separately, so the kernel must split coalesced packets.
func TestTrainToGuard(t *testing.T) {
	in := open(t, guarded(t, listen.HMAC, admit.Config{KeyFile: keyFile(t, hmacKey), Drift: time.Minute}))
	sign := signed(hmacKey, 0)
	good, bad := sign("a:1|c"), sign("a:1|c")
	bad = bad[:40] + "!" + bad[41:]
	conn := train(t, in.Addr().String(), len(good))
	send(t, conn, good+bad+sign("a:1|c"))
	in.start()
	eventually(t, "3 datagrams", func() bool { return in.Live().UDPPackets == 3 })
	if tally := in.Live(); tally.Aggregated != 2 || tally.Listeners[0].Refused[listen.BadAuth] != 1 {
		t.Errorf("%+v; want 2 samples, and one datagram refused", tally)
	}
}

// The number of lost datagrams is estimated if whole coalesced packets did not fit into the buffer.
func TestDroppedTrains(t *testing.T) {
	cfg := one()
	cfg.UDPBuffer = 16 << 10
	in := open(t, cfg)
	conn := train(t, in.Addr().String(), 6)
	const trains, cars = 2000, 50
	for range trains {
		send(t, conn, strings.Repeat("aa:1|c", cars))
	}
	messages := in.read()
	if messages == 0 || messages == trains {
		t.Fatalf("%d of %d coalesced packets fitted into the buffer", messages, trains)
	}
	got, dropped := in.Live().UDPPackets, in.State().KernelDropped
	if got+dropped != trains*cars {
		t.Errorf("%d datagrams read and %d dropped, want %d", got, dropped, trains*cars)
	}
	if again := in.State().KernelDropped; again != dropped {
		t.Errorf("dropped %d, then %d", dropped, again)
	}
}

// An inherited socket returns no coalesced packets, because the next process might not support them.
func TestInheritedTrain(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client := train(t, conn.LocalAddr().String(), 5)
	s, err := kernel.New(conn.(*net.UDPConn))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Inherit(); err != nil {
		t.Fatal(err)
	}
	s.WantTrains(true)
	send(t, client, "a:1|ca:1|c")
	if n, err := s.Read(false); n != 2 || err != nil {
		t.Errorf("%d datagrams, %v; want 2", n, err)
	}
}
