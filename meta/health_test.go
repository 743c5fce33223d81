package meta

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// scene is a daemon in virtual time. It flushes every 10 s, and receives 100 samples and 100
// datagrams a second. Its only sink accepts all points.
type scene struct {
	tracker *Tracker
	began   time.Time
	now     time.Time
	facts   Facts
	health  Health
	notes   []string
	frozen  bool // flushes have stopped
}

func newScene() *scene {
	began := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	return &scene{
		tracker: NewTracker(began, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8135}, false), began: began, now: began,
		facts: Facts{
			Interval: 10 * time.Second,
			Flush:    FlushFacts{Last: began},
			Intake:   IntakeFacts{MaxNames: 1000, MaxMembers: 50},
			Sinks:    []SinkFacts{{Name: "a"}},
		},
	}
}

// step advances the clock by a second, calls the function act if it is not nil, and updates the
// daemon's health.
func (s *scene) step(act func(*scene)) {
	s.now = s.now.Add(time.Second)
	if act != nil {
		act(s)
	}
	in := &s.facts.Intake
	in.Lines += 100
	in.Samples += 100
	in.Aggregated += 100
	in.Datagrams += 100
	if !s.frozen && s.at()%(10*time.Second) == 0 {
		s.facts.Flush.Count++
		s.facts.Flush.Last = s.now
	}
	s.look()
}

func (s *scene) look() {
	var notes []Note
	s.health, notes = s.tracker.Observe(s.now, &s.facts)
	for _, n := range notes {
		s.notes = append(s.notes, fmt.Sprintf("%s %s: %s", spell(s.at()), n.Level, n.Text))
	}
}

func (s *scene) at() time.Duration { return s.now.Sub(s.began) }

// fails makes a sink fail from the given time on.
func (f *SinkFacts) fails(now time.Time) {
	f.Failing, f.FailingSince, f.Error, f.Oldest = true, now, "no \x1bluck", now
	f.Queued += 7
	f.Made += 7
}

func (f *SinkFacts) works(now time.Time) {
	f.Failing, f.Accepted, f.Oldest = false, now, time.Time{}
	f.Delivered += f.Queued
	f.Queued = 0
}

// drops counts n points as made and dropped.
func (f *SinkFacts) drops(n uint64) { f.Made, f.DroppedFull = f.Made+n, f.DroppedFull+n }

// TestReasons causes each reason, and checks in which second it begins, changes and ends, with its
// state and text. If a time is 0, the event never happens.
func TestReasons(t *testing.T) {
	type at = map[int]func(*scene)
	sink := func(s *scene) *SinkFacts { return &s.facts.Sinks[0] }
	every := func(from, to, step int, act func(*scene)) at {
		all := at{}
		for i := from; i <= to; i += step {
			all[i] = act
		}
		return all
	}
	cluster := func(change func(*ClusterFacts)) func(*scene) {
		return func(s *scene) {
			if s.facts.Cluster == nil {
				s.facts.Cluster = &ClusterFacts{Partitions: 8}
			}
			change(s.facts.Cluster)
		}
	}
	took := func(share float64) func(*scene) {
		return func(s *scene) { s.facts.Flush.Took = time.Duration(share * float64(10*time.Second)) }
	}
	for name, tt := range map[string]struct {
		id, subject string
		acts        at // functions by second; each is called before the update of the health status in its second
		want        string
		says        string
	}{
		"no flush": {FlushOverdue, "", at{15: func(s *scene) { s.frozen = true }, 50: func(s *scene) { s.frozen = false }},
			"33 failing, 50 over", "no flush for 23s; the interval is 10s"},
		"slow flushes": {FlushSlow, "", at{20: took(0.81), 60: took(0.49)},
			"40 degraded, 110 over", "flushes take too long: the last one took 8.1s of 10s"},
		"flushes not slow enough":                {FlushSlow, "", at{20: took(0.8)}, "", ""},
		"slow flushes that are never fast again": {FlushSlow, "", at{20: took(0.81), 60: took(0.5)}, "40 degraded", ""},
		"one late flush":                         {FlushSlow, "", at{25: func(s *scene) { s.facts.Flush.Late++ }}, "25 degraded, 80 over", "since the start, 1 flush took longer than the interval"},
		"no sink":                                {NoSink, "", at{5: func(s *scene) { s.facts.Sinks = nil }, 9: func(s *scene) { s.facts.Sinks = []SinkFacts{{Name: "b"}} }}, "5 failing, 9 over", "no sink is configured"},
		"the only sink fails": {SinkFailing, "a", at{10: func(s *scene) { sink(s).fails(s.now) }, 100: func(s *scene) { sink(s).works(s.now) }},
			"10 ok, 30 failing, 100 over", `sink a has accepted nothing for 20s: no \x1bluck; 7 points wait, none lost`},
		"one of two sinks fails": {SinkFailing, "a", at{
			1:  func(s *scene) { s.facts.Sinks = append(s.facts.Sinks, SinkFacts{Name: "b"}) },
			10: func(s *scene) { sink(s).fails(s.now) }, 50: func(s *scene) { s.facts.Sinks[1].fails(s.now) }, 90: func(s *scene) { s.facts.Sinks[1].works(s.now) }, 100: func(s *scene) { sink(s).works(s.now) }},
			"10 ok, 30 degraded, 70 failing, 90 degraded, 100 over", ""},
		"a sink that fails for less than two flushes": {SinkFailing, "a", at{10: func(s *scene) { sink(s).fails(s.now) }, 29: func(s *scene) { sink(s).works(s.now) }}, "10 ok, 29 over", ""},
		"a receiver that resets": {SinkResets, "a", at{10: func(s *scene) { sink(s).Unconfirmed = 1 }, 20: func(s *scene) { sink(s).Unconfirmed = 2 }, 30: func(s *scene) { sink(s).Unconfirmed = 0 }},
			"20 degraded, 30 over", "reset the connection, 2 times in a row; does it need keep-open?"},
		"a removed sink": {PointsDropped, "a", at{10: func(s *scene) { sink(s).Removed = true }, 20: func(s *scene) { sink(s).Made, sink(s).DroppedRemoved = sink(s).Made+575, 575 }},
			"20 degraded, 920 over", "sink a dropped 575 points in 15m (the sink was removed before it had accepted them)"},
		"a removed sink that failed": {SinkFailing, "a", at{10: func(s *scene) { sink(s).fails(s.now) }, 50: func(s *scene) { sink(s).Removed = true }}, "10 ok, 30 failing, 50 over", ""},
		"only a removed sink":        {NoSink, "", at{5: func(s *scene) { sink(s).Removed = true }}, "5 failing", ""},
		"points refused permanently": {PointsDropped, "a", at{10: func(s *scene) { sink(s).Made++; sink(s).DroppedRefused++ }}, "10 degraded, 910 over", "permanently refused by the receiver"},
		"a receiver that refuses everything, and then takes some": {PointsDropped, "a",
			every(10, 60, 10, func(s *scene) {
				sink(s).Made += 2
				sink(s).DroppedRefused++
				if s.now.Sub(s.began) >= 55*time.Second {
					sink(s).Delivered++
				} else {
					sink(s).DroppedRefused++
				}
			}), "10 degraded, 30 failing, 60 degraded, 960 over", "permanently refused by the receiver"},
		"a slow sink": {SinkBehind, "a", at{10: func(s *scene) { sink(s).Oldest = s.now }, 100: func(s *scene) { sink(s).Oldest = s.now.Add(-11 * time.Second) }, 101: func(s *scene) { sink(s).Oldest = s.now.Add(-10 * time.Second) }, 102: func(s *scene) { sink(s).Oldest = time.Time{} }},
			"70 degraded, 101 over", "sink a is 1m behind"},
		"points dropped": {PointsDropped, "a", at{10: func(s *scene) { sink(s).drops(818_414) }, 25: func(s *scene) { sink(s).drops(1) }},
			"10 failing, 45 degraded, 925 over", "sink a dropped 818,414 points in 15m (the queue is full), the last 0s ago"},
		"points damaged": {PointsDropped, "a", at{10: func(s *scene) { sink(s).Made++; sink(s).DroppedDamaged++ }}, "10 failing, 30 degraded, 910 over", "1 point in 15m (damaged on disk)"},
		"a full spool":   {PointsDropped, "a", at{10: func(s *scene) { sink(s).SpoolMax = 1; sink(s).drops(2) }}, "10 failing, 30 degraded, 910 over", "the spool is full"},
		"a full history": {PointsDropped, "a", at{10: func(s *scene) {
			sink(s).Recorder, sink(s).Full = true, "the history is full: see max-bytes of the sink"
			sink(s).drops(2)
		}}, "10 failing, 30 degraded, 910 over", "the history is full: see max-bytes of the sink"},
		"an unusable spool": {SpoolUnusable, "a", at{10: func(s *scene) { sink(s).SpoolFault = "mkdir /nope: denied" }, 20: func(s *scene) { sink(s).SpoolFault = "" }},
			"10 degraded, 20 over", "the spool of sink a cannot be used: mkdir /nope: denied"},
		// The spool has 7.2 MB left. At 1000 bytes a second it is full in 2 hours.
		"a spool that fills": {SpoolFilling, "a", every(1, 400, 1, func(s *scene) { sink(s).SpoolMax = 7_600_000; sink(s).SpoolBytes += 1000 }),
			"400 degraded, 550 over", "the spool of sink a is full in 2h: 0 of 7 MiB are used"},
		"kernel drops":      {KernelDrops, "", at{10: func(s *scene) { s.facts.Intake.KernelDropped += 3 }}, "10 degraded, 910 over", "the kernel dropped 3 datagrams in 15m (0.3 %), the last 0s ago"},
		"many kernel drops": {KernelDrops, "", at{100: func(s *scene) { s.facts.Intake.KernelDropped += 200 }}, "100 failing, 170 degraded, 1000 over", ""},
		"refused names": {SamplesRefused, "names", at{10: func(s *scene) { s.facts.Intake.RefusedNames += 17; s.facts.Intake.Samples += 17 }}, "10 degraded, 910 over",
			"17 samples of new names were refused: --max-names=1000 is reached; 1.7 % of all in 15m"},
		"refused members": {SamplesRefused, "members", at{10: func(s *scene) { s.facts.Intake.RefusedMembers++; s.facts.Intake.Samples++ }}, "10 degraded, 910 over", "--max-set-members=50"},
		"90 % of names": {NamesNearLimit, "", at{10: func(s *scene) { s.facts.Intake.Names = 899 }, 20: func(s *scene) { s.facts.Intake.Names = 900 }, 30: func(s *scene) { s.facts.Intake.Names = 850 }, 40: func(s *scene) { s.facts.Intake.Names = 849 }},
			"20 degraded, 40 over", "900 of --max-names=1,000 names are known (90 %)"},
		"all names": {NamesNearLimit, "", at{10: func(s *scene) { s.facts.Intake.Names = 1000 }}, "10 degraded", "--max-names=1000 is reached"},
		"names that grow": {NamesNearLimit, "", every(1, 400, 1, func(s *scene) { s.facts.Intake.MaxNames = 100_000; s.facts.Intake.Names += 50 }),
			"300 degraded, 570 over", "full in 28m20s"},
		"names of a start": {NamesNearLimit, "", at{5: func(s *scene) { s.facts.Intake.Names = 800 }}, "", ""},
		"bad lines":        {BadLinesMany, "", every(1, 400, 1, func(s *scene) { s.facts.Intake.Discarded += 2; s.facts.Intake.Samples += 2 }), "150 degraded, 630 over", "300 of 15,300 samples in 5m were bad (2 %)"},
		"few bad lines":    {BadLinesMany, "", every(1, 400, 2, func(s *scene) { s.facts.Intake.Discarded++; s.facts.Intake.Samples++ }), "", ""},
		"senders refused": {SendersRefused, "dsd", at{
			10: func(s *scene) {
				s.facts.Listeners = []ListenerFacts{{Name: "dsd", Came: 1000, Refused: 10, Why: "denied 10"}}
			},
		}, "10 degraded, 320 over", "listener dsd refused 10 of 1,000 datagrams and connections in 5m (1 %); since the start: denied 10"},
		"few senders refused": {SendersRefused, "dsd", at{
			10: func(s *scene) { s.facts.Listeners = []ListenerFacts{{Name: "dsd", Came: 1000, Refused: 9}} },
		}, "", ""},
		"socket lost": {SocketLost, "dsd", at{
			10: func(s *scene) { s.facts.Listeners = []ListenerFacts{{Name: "dsd", Lost: "no such directory"}} },
			20: func(s *scene) { s.facts.Listeners[0].Lost = "" },
		}, "10 degraded, 20 over", "the socket file of listener dsd was removed and cannot be created again: no such directory"},
		"cut for room": {TCPCut, "room", at{10: func(s *scene) { s.facts.Intake.CutRoom += 2 }}, "10 degraded, 910 over", "2 connections were cut to accept other connections"},
		"cut for few files": {TCPCut, "room", at{10: func(s *scene) {
			s.facts.Intake.CutRoom, s.facts.Intake.FewFiles, s.facts.Intake.MaxConnections = 2, true, 1005
		}}, "10 degraded, 910 over", "2 connections were cut to accept other connections (the limit on open files, ulimit -n, allows 1,005)"},
		"cut for max":        {TCPCut, "listener", at{10: func(s *scene) { s.facts.Intake.CutListener += 2 }}, "10 degraded, 910 over", "2 connections were cut to accept other connections (max of their listener)"},
		"cut for memory":     {TCPCut, "memory", at{10: func(s *scene) { s.facts.Intake.CutMemory++ }}, "10 degraded, 910 over", "1 connection was cut because"},
		"no descriptors":     {Descriptors, "", at{10: func(s *scene) { s.facts.NoDescriptor++; s.facts.DescriptorLimit = 64 }}, "10 degraded, 910 over", "no file descriptor was free for a client 1 time in 15m (the limit is 64)"},
		"the clock":          {Clock, "", at{10: func(s *scene) { s.facts.Flush.Repeated++ }}, "10 degraded, 910 over", "1 flush got the timestamp of an earlier flush"},
		"pipes":              {PipesFailing, "", at{10: func(s *scene) { s.facts.PipesFault = "gone" }, 20: func(s *scene) { s.facts.PipesFault = "" }}, "10 degraded, 20 over", "the stat pipes cannot be read: gone"},
		"the state file":     {StateFile, "", at{10: func(s *scene) { s.facts.StateFault = "full" }, 20: func(s *scene) { s.facts.StateFault = "" }}, "10 degraded, 20 over", "the gauges cannot be saved: full"},
		"an unknown cluster": {ClusterUnknown, "", at{10: func(s *scene) { s.facts.ClusterUnknown = "refused" }, 20: func(s *scene) { s.facts.ClusterUnknown = "" }}, "10 failing, 20 over", "waits for the settings of its cluster: refused"},
		"partitions without owners": {PartitionUnowned, "", at{10: cluster(func(c *ClusterFacts) { c.Partitions, c.Unowned = 8, []int{1, 2, 3, 4, 5, 6, 7} }),
			20: cluster(func(c *ClusterFacts) { c.Unowned = []int{0, 1, 2, 3, 4, 5, 6, 7} }), 30: cluster(func(c *ClusterFacts) { c.Unowned = nil })},
			"10 degraded, 20 failing, 30 over", "7 partitions have no owner of 8: 1, 2, 3, 4, 5 and 2 more"},
		"an owner behind": {CollectBehind, "", at{10: cluster(func(c *ClusterFacts) { c.Behind, c.Allowed, c.Lag, c.Messages = time.Minute, time.Second, 9, 10 }),
			20: cluster(func(c *ClusterFacts) { c.Behind, c.Lag = 0, 0 })}, "10 degraded, 20 over", "9 messages wait to be read; the last published interval is 1m old"},
		"a gap in numbers":               {NumbersMissing, "", at{10: cluster(func(c *ClusterFacts) { c.Missing += 2 })}, "10 degraded, 910 over", "2 messages of edge daemons never arrived"},
		"samples too late":               {LateLost, "", at{10: cluster(func(c *ClusterFacts) { c.Lost++ })}, "10 degraded, 910 over", "1 sample of an edge daemon arrived too late"},
		"an edge's clock":                {EdgeClock, "", at{10: cluster(func(c *ClusterFacts) { c.Skewed, c.Skew = "web1", time.Hour }), 90: cluster(func(c *ClusterFacts) { c.Skewed = "" })}, "70 degraded, 90 over", "the clock of edge daemon web1 is 1h ahead"},
		"silent edges":                   {EdgeSilent, "", at{10: cluster(func(c *ClusterFacts) { c.Silent = []string{"web1", "web\x1b2"} }), 20: cluster(func(c *ClusterFacts) { c.Silent = nil })}, "10 degraded, 20 over", "2 edge daemons are silent: web1, web"},
		"a full inbox":                   {InboxFilling, "", at{10: cluster(func(c *ClusterFacts) { c.Fullest, c.Full = 3, 0.81 }), 20: cluster(func(c *ClusterFacts) { c.Full = 0.7 }), 30: cluster(func(c *ClusterFacts) { c.Full = 0.69 })}, "10 degraded, 30 over", "the inbox of partition 3 is 81 % full"},
		"an unknown cluster of an owner": {ClusterUnknown, "", at{10: cluster(func(c *ClusterFacts) { c.Fault = "refused" }), 20: cluster(func(c *ClusterFacts) { c.Fault = "" })}, "10 failing, 20 over", "the cluster cannot be joined: refused"},
		"an edge's spool grows": {SpoolFilling, "a", func() at {
			all := every(1, 1200, 1, func(s *scene) {
				sink(s).Forwards, sink(s).SpoolMax, sink(s).SpoolBytes = true, 1<<20, sink(s).SpoolBytes+200
			})
			return all
		}(), "300 degraded", "the spool of sink a is full in"},
		"lost rows":           {LedgerBroken, "a", at{10: func(s *scene) { sink(s).Forwards = true; sink(s).Made++ }}, "30 failing", "rows of sink a"},
		"a deaf notifier":     {AlertUntold, "nsca", at{10: func(s *scene) { s.facts.Untold = []Fault{{"nsca", "refused"}} }, 20: func(s *scene) { s.facts.Untold = nil }}, "10 degraded, 20 over", "notifier nsca did not accept the last message: refused"},
		"lost samples":        {LedgerBroken, "", at{10: func(s *scene) { s.facts.Intake.Samples += 2 }, 100: func(s *scene) { s.facts.Intake.Samples -= 2 }}, "30 failing", "the ledger of samples does not balance: the sums of the ledger differ by 2"},
		"lost points":         {LedgerBroken, "a", at{10: func(s *scene) { sink(s).Made++ }}, "30 failing", "points of sink a"},
		"points on their way": {LedgerBroken, "a", at{10: func(s *scene) { sink(s).Made++ }, 25: func(s *scene) { sink(s).Delivered++ }}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene()
			var changes []string
			said, before := "", State(-1)
			for second := 1; second <= 1200; second++ {
				s.step(tt.acts[second])
				i := slices.IndexFunc(s.health.Reasons, func(r Reason) bool { return r.ID == tt.id && r.Subject == tt.subject })
				switch {
				case i < 0 && before >= 0:
					changes = append(changes, fmt.Sprintf("%d over", second))
					before = -1
				case i >= 0 && s.health.Reasons[i].State != before:
					r := s.health.Reasons[i]
					before = r.State
					changes = append(changes, fmt.Sprintf("%d %s", second, r.State))
					if r.State > s.health.State {
						t.Errorf("at %d the reason is %s, and health %s", second, r.State, s.health.State)
					}
					if r.Effect == "" || r.Clears == "" || !strings.HasPrefix(r.Next, "statsdmonitor ") || strings.Contains(r.Next, "SUBJECT") {
						t.Errorf("the reason lacks words: %+v", r)
					}
					said += r.Text + "\n"
				}
			}
			if got := strings.Join(changes, ", "); got != tt.want {
				t.Errorf("%s: %s, want %s", tt.id, got, tt.want)
			}
			if !strings.Contains(said, tt.says) {
				t.Errorf("says %q, want %q", said, tt.says)
			}
		})
	}
}

// TestRefusalsKeepTheirLimit checks that a reload of a limit does not change the reported cause of earlier refusals.
func TestRefusalsKeepTheirLimit(t *testing.T) {
	s := newScene()
	s.run(30, map[int]func(*scene){
		10: func(*scene) { s.facts.Intake.RefusedNames += 17; s.facts.Intake.Samples += 17 },
		20: func(*scene) { s.facts.Intake.MaxNames = 5000 },
	})
	if got, want := s.health.Text(), "17 samples of new names were refused: --max-names=1000 was reached; "; !strings.Contains(got, want) {
		t.Errorf("health is %q, want %q", got, want)
	}
}

// TestDropsKeepTheirCause checks that the reported cause of dropped points stays the same when the
// spool later fails or works again.
func TestDropsKeepTheirCause(t *testing.T) {
	s := newScene()
	sink := &s.facts.Sinks[0]
	sink.SpoolMax = 1 << 20
	s.run(30, map[int]func(*scene){
		10: func(*scene) { sink.drops(5) },
		20: func(*scene) { sink.SpoolFault = "gone" },
	})
	if text := s.health.Text(); !strings.Contains(text, "dropped 5 points in 15m (the spool is full)") {
		t.Errorf("after the spool has failed: %q", text)
	}
	s.run(10, map[int]func(*scene){5: func(*scene) { sink.drops(1) }})
	if text := s.health.Text(); !strings.Contains(text, "(the queue is full)") {
		t.Errorf("after a drop without the spool: %q", text)
	}
}
