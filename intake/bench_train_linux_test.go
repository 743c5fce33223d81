package intake

import (
	"fmt"
	"net"
	"runtime"
	"testing"
)

// BenchmarkTrain measures how much CPU time a receiver saves if it reads trains. A train contains datagrams that the
// kernel has coalesced (UDP_GRO). The results are ratios in one run. An operation is one datagram of one line for each
// of the four variants. The CPU time for sending is not counted.
//
//	train/alone   reading trains, compared with reading single datagrams: at most 0.3
//	cut/alone     reading datagrams from a train that the kernel has split, compared with reading single datagrams
//	ready/alone   reading single datagrams from a socket that accepts trains: about 1
//
// The receivers request times of arrival, as the receivers of a daemon with gauges do.
func BenchmarkTrain(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var datagrams []byte
	for i := range turnDatagrams {
		datagrams = fmt.Appendf(datagrams, "app.web-03.api.get.status_%03d:1|c", i)
	}
	size := len(datagrams) / turnDatagrams
	alone, ready, cut, trains := newTurn(b, datagrams), newTurn(b, datagrams), newTurn(b, datagrams), newTurn(b, datagrams)
	for _, t := range []*turn{ready, trains} {
		t.r.socket.WantTrains(true)
	}
	for _, t := range []*turn{alone, ready} {
		conn, err := net.Dial("udp", t.in.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		t.client = oneByOne{conn, size}
	}
	takeTurns(b, alone, ready, cut, trains)
	b.ReportMetric(trains.ratio(alone), "train/alone")
	b.ReportMetric(cut.ratio(alone), "cut/alone")
	b.ReportMetric(ready.ratio(alone), "ready/alone")
}

// oneByOne splits its text into datagrams of equal size, and sends each with its own system call.
type oneByOne struct {
	net.Conn
	size int
}

func (c oneByOne) Write(b []byte) (int, error) {
	for at := 0; at < len(b); at += c.size {
		if n, err := c.Conn.Write(b[at:][:c.size]); err != nil {
			return at + n, err
		}
	}
	return len(b), nil
}
