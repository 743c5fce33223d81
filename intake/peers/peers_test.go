package peers

import (
	"os"
	"testing"
	"time"
)

// The table has a maximum size. At the limit, a new process replaces the process that was silent
// for the longest time. The counts of the replaced process are added to Others.
func TestTableIsBounded(t *testing.T) {
	var table Table
	start := time.Unix(1_000_000, 0)
	for i := range int32(Max + 10) {
		table.Count(ID{PID: -i, UID: 7}, start.Add(time.Duration(i)*time.Second), Counts{Lines: 1})
		table.Count(ID{PID: 0, UID: 7}, start.Add(time.Duration(i)*time.Second), Counts{Lines: 1}) // this process keeps sending
	}
	l := table.List()
	if len(l.Peers) != Max || l.Gone != 10 || l.Others.Lines != 10 {
		t.Errorf("%d processes, %d gone, others %+v", len(l.Peers), l.Gone, l.Others)
	}
	if first := l.Peers[0]; first.PID != 0 || first.Lines != Max+11 {
		t.Errorf("the first is %+v", first)
	}
	sum := l.Others.Lines
	for _, p := range l.Peers {
		sum += p.Lines
	}
	if sum != 2*(Max+10) {
		t.Errorf("%d lines in all", sum)
	}
}

// The program of a process is looked up once, and again after some time. The name is kept after the
// process has ended.
func TestPrograms(t *testing.T) {
	asked, name := 0, "a"
	table := Table{programOf: func(int32) string { asked++; return name }}
	now := time.Unix(1_000_000, 0)
	count := func() string { return table.Count(ID{PID: 5}, now, Counts{}) }
	if got := count() + count(); got != "aa" || asked != 1 {
		t.Errorf("%q, asked %d times", got, asked)
	}
	now, name = now.Add(fresh), "b"
	if got := count(); got != "b" || asked != 2 {
		t.Errorf("%q, asked %d times", got, asked)
	}
	now, name = now.Add(fresh), ""
	if got := count(); got != "b" || asked != 3 {
		t.Errorf("%q, asked %d times", got, asked)
	}
}

func TestProgram(t *testing.T) {
	if Program(int32(os.Getpid())) == "" {
		if _, err := os.Stat("/proc/self/comm"); err == nil {
			t.Error("this process has no name")
		}
	}
	for _, pid := range []int32{0, -1, 1 << 30} {
		if got := Program(pid); got != "" {
			t.Errorf("process %d is %q", pid, got)
		}
	}
}
