package pipes

import (
	"maps"
	"os"
	"testing"

	"github.com/statsd-ops/statsd/statvent"
)

func TestDeltas(t *testing.T) {
	count, err := ParseGlob("n.*")
	if err != nil {
		t.Fatal(err)
	}
	self, err := Started(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	const old, young, dead = 100, 300, 1<<22 + 1 // dead is greater than the maximum process id
	d := Deltas{Names: []Glob{count}, Since: 200}
	update := func(why string, want stats, processes ...Process) {
		t.Helper()
		if got := d.Update(processes); !maps.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", why, got, want)
		}
	}
	p := func(pid int, start uint64, n int64) Process {
		return Process{PID: pid, Start: start, Stats: stats{"n.a": statvent.Int(n), "gauge": statvent.Int(n)}}
	}
	n := func(n int64) stats { return stats{"n.a": statvent.Int(n)} }
	me := func(n int64) Process { return p(os.Getpid(), self, n) }

	update("the first counts of an old process are ignored", n(0), p(dead, old, 1000))
	update("a new process starts from 0", n(5+2), p(dead, old, 1005), me(2))
	update("nothing new", n(0), p(dead, old, 1005), me(2))
	update("a new process with the pid of a dead one", n(7+1), p(dead, young, 7), me(3))
	update("the other process is gone", n(0), me(3))
	update("no answer", stats{}, Process{PID: os.Getpid(), Start: self, Err: errTimeout})
	update("alive without a pipe", stats{})
	update("everything since the last answer", n(4), me(7))
	update("a living pid with another start", n(5), p(os.Getpid(), self+1, 5))
	update("a new name of an old process", stats{"n.a": statvent.Int(0), "n.b": statvent.Int(3)},
		Process{PID: os.Getpid(), Start: self, Stats: stats{"n.a": statvent.Int(7), "n.b": statvent.Int(3)}})
	update("a missing name", stats{"n.b": statvent.Int(1)},
		Process{PID: os.Getpid(), Start: self, Stats: stats{"n.b": statvent.Int(4)}})
	update("the name is back, with a smaller count", n(-2), me(5))
	if len(d.seen) != 1 {
		t.Errorf("%d processes are remembered, want 1", len(d.seen))
	}
	d = Deltas{Names: []Glob{count}}
	update("without Since every process is new", n(1000), p(dead, old, 1000))
}
