package hostile

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
)

// A thousand clients attack the monitor in all ways. The monitor still answers another client at
// once. Intake loses nothing, memory does not grow, and the monitor closes the attackers'
// connections.
func TestSoakMonitorUnderAttack(t *testing.T) {
	sideBySide(t)
	attackers, lasting := soak.Pick(120, 1_000), soak.Pick(2*time.Second, 30*time.Second)
	d := start(t, 200*time.Millisecond)
	canary := d.dial("tcp")
	live, resident, grown := d.live(), d.memory("RssAnon"), 0.0
	canaries, slowest := 0, time.Duration(0)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: wait.Patience}
	siege := d.besiege(attackers)
	deadline := time.Now().Add(wait.Patience)
	for begun := time.Now(); time.Since(begun) < lasting || siege.cuts.Load() < int64(attackers); time.Sleep(100 * time.Millisecond) {
		asked := time.Now()
		// The monitor may close the connection of a slow client to accept others, so the client asks
		// again.
		for _, err := d.ask(client); err != nil && time.Now().Before(deadline); {
			_, err = d.ask(client)
		}
		slowest = max(slowest, time.Since(asked))
		grown = max(grown, d.live()-live)
		d.send(canary, []byte("canary:1|c\n"))
		canaries++
		if time.Now().After(deadline) {
			t.Fatalf("only %d attackers of %d were cut", siege.cuts.Load(), attackers)
		}
	}
	siege.end()
	gone := time.Duration(siege.longest.Load())
	resident = d.memory("RssAnon") - resident
	d.expectCanary("canary", canaries)
	inTime(t, "an answer", slowest, time.Second)
	inTime(t, "cutting an attacker", gone, 5*time.Second)
	if grown > bound(4<<20) {
		t.Errorf("live memory grew by %.1f MB", grown/(1<<20))
	}
	soak.Row(t, fmt.Sprintf("monitor attacked by %d clients in %d ways for %v", attackers, len(attacks()), lasting),
		fmt.Sprintf("live memory +%.1f MB (resident +%.1f MB); attackers gone after at most %.1f s; slowest istats reply to another client %v; intake loss 0",
			grown/(1<<20), resident/(1<<20), gone.Seconds(), slowest.Round(time.Millisecond)), "4 MB; 5 s; 1 s; 0")
}
