package sockets

import "testing"

func TestState(t *testing.T) {
	const udp = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
   1: 0100007F:1FBD 00000000:0000 07 00000000:00000A00 00:00000000 00000000     0        0 1 2 0000000000000000 7
   2: 0100007F:1FBD 00000000:0000 07 00000000:00000001 00:00000000 00000000     0        0 2 2 0000000000000000 5
   3: 0100007F:1FBE 00000000:0000 07 00000000:00000001 00:00000000 00000000     0        0 3 2 0000000000000000 1
`
	const tcp = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1FBD 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0100007F:1FBD 0100007F:C001 01 00000000:00000010 00:00000000 00000000     0        0 2 1 0 20 4 30 10 -1
   2: 0100007F:C001 0100007F:1FBD 01 00000000:00000077 00:00000000 00000000     0        0 3 1 0 20 4 30 10 -1
`
	for table, want := range map[string]State{udp: {Bound: true, Queued: 0xA01, Drops: 12}, tcp: {Bound: true, Connections: 1, Queued: 0x10}} {
		network := "udp"
		if table == tcp {
			network = "tcp"
		}
		var got State
		if got.add(table, network, 0x1FBD); got != want {
			t.Errorf("%s: got %+v, want %+v", network, got, want)
		}
	}
}
