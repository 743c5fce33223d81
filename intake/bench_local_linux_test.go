package intake

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/intake/listen"
)

// BenchmarkLocal reads datagrams of 8 KiB, the usual size of DogStatsD clients, from a unix socket
// and from a UDP socket into the table. One operation is one datagram. The time for sending is not
// counted. The unix socket may cost at most 1.2 times as much as UDP.
func BenchmarkLocal(b *testing.B) {
	const round = 10 // a number of datagrams that fits into a unix socket
	var lines strings.Builder
	for i := 0; lines.Len() < 8100; i++ {
		fmt.Fprintf(&lines, "app.api.v2.users.get.status_%03d:%d|c|#host:web-03,env:prod\n", i%100, i)
	}
	for _, bb := range []struct {
		name string
		cfg  Config
	}{
		{"udp", config()},
		{"unixgram", localConfig(b, listen.Unixgram, nil)},
		{"unixgram/allow-uid", localConfig(b, listen.Unixgram, func(l *listen.Listener) { l.UIDs = []uint32{0, 1000, 65532} })},
	} {
		b.Run(bb.name, func(b *testing.B) {
			bb.cfg.Receivers = 1
			in, err := Open(bb.cfg)
			if err != nil {
				b.Fatal(err)
			}
			defer in.Close()
			receiveTimed(b, in, round, func(client net.Conn, _ int) error {
				_, err := client.Write([]byte(lines.String()))
				return err
			})
		})
	}
}
