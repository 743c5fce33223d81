package intake

import (
	"fmt"
	"net"
	"runtime"
	"testing"
)

// BenchmarkTrain measures how much CPU time trains save a receiver, as ratios in one run. An operation is a datagram of
// one line, of each sender. Sending is not counted.
//
//	train/alone   datagrams that come as trains, to those that come alone: at most 0.3
//	cut/alone     trains, to a socket without them
//	ready/alone   datagrams that come alone, to a socket with trains: about 1
//
// The receivers ask for times of arrival, as a daemon with gauges does.
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

// oneByOne writes datagrams of a size, with one system call for each.
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
