package meta

import "strings"

// These are the IDs of all reasons.
const (
	FlushOverdue   = "flush_overdue"
	FlushSlow      = "flush_slow"
	ClusterUnknown = "cluster_unknown"
	NoSink         = "no_sink"

	PartitionUnowned = "partition_unowned"
	CollectBehind    = "collect_behind"
	NumbersMissing   = "numbers_missing"
	LateLost         = "late_lost"
	EdgeClock        = "edge_clock"
	EdgeSilent       = "edge_silent"
	InboxFilling     = "inbox_filling"

	SinkFailing    = "sink_failing"
	SinkResets     = "sink_resets"
	SinkBehind     = "sink_behind"
	PointsDropped  = "points_dropped"
	SpoolUnusable  = "spool_unusable"
	SpoolFilling   = "spool_filling"
	KernelDrops    = "kernel_drops"
	SamplesRefused = "samples_refused"
	NamesNearLimit = "names_near_limit"
	BadLinesMany   = "bad_lines"
	TCPCut         = "tcp_cut"
	SendersRefused = "senders_refused"
	SocketLost     = "socket_lost"
	Descriptors    = "descriptors"
	Silent         = "silent"
	Clock          = "clock"
	PipesFailing   = "pipes"
	StateFile      = "state_file"
	AlertUntold    = "alert_untold"
	ConfigDiffers  = "config_differs" // only a note
	LedgerBroken   = "ledger"
)

// These commands of statsdmonitor show more about a reason. SUBJECT stands for the reason's
// subject. Only reasonTable uses them.
const (
	askConfig   = "config"
	askDiff     = "config --diff"
	askSink     = "sinks SUBJECT"
	askCost     = "cost"
	askFlush    = "history flush_duration"
	askRepeated = "history flush.repeated"
	askKernel   = "history udp.kernel_dropped"
	askCut      = "history tcp.cut.SUBJECT"
	askAccept   = "history tcp.accept_errors"
	askPipes    = "history pipes.errors"
	askState    = "history state.errors"
	askPrefixes = "prefixes"
	askTail     = "tail"
	askSenders  = "senders"
	askAlerts   = "alerts"
	askDiscards = "discards"
	askLedger   = "ledger"
	askCluster  = "cluster"
	askAcross   = "cluster --ledger"
)

// reasonKind has the texts that are the same for all reasons with this ID.
type reasonKind struct{ id, effect, clears, ask string }

// reasonTable lists the kinds of reasons in the order in which they are shown. Each entry has two
// texts: the effect of the problem, and when the reason is no longer active.
var reasonTable = []reasonKind{
	{FlushOverdue, "nothing is published", "after the next flush", askFlush},
	{FlushSlow, "values are published late, and flushes may be skipped", "after 6 consecutive flushes that take less than half of the interval", askCost},
	{ClusterUnknown, "an edge daemon accepts no samples before it knows the settings of the cluster: datagrams wait in the sockets, and are lost once the sockets are full; an owner collects nothing", "when the cluster answers", askCluster},
	{NoSink, "nothing is published; only the monitor shows the last flushes", "when a sink is configured (--sink or --graphite-host)", askConfig},
	{PartitionUnowned, "data of these partitions is not published; their messages wait", "when an owner closes the intervals of these partitions", askCluster},
	{CollectBehind, "intervals are published late", "when the owner has read all messages up to the last interval", askCluster},
	{NumbersMissing, "the samples of these messages are missing, unless the edge daemon reports them as dropped", "15 minutes after the last such message", askAcross},
	{LateLost, "these samples are missing; --late-horizon and --late decide what is too late", "15 minutes after the last such message", askAcross},
	{EdgeClock, "the samples of this edge daemon count in other intervals than the samples of other daemons; for gauges, the value with the later time counts", "when the clock of the edge daemon is right", askCluster},
	{EdgeSilent, "the owner no longer waits for the edge daemon before it publishes an interval; data of the edge daemon is late", "when the edge daemon sends, or after --late-horizon without data from it", askCluster},
	{InboxFilling, "once the inbox is full, edge daemons keep their messages in their spools", "when less than 70 % of the inbox is used", askCluster},
	{SinkFailing, "points wait in the queue or the spool", "when the sink accepts points", askSink},
	{SinkResets, "the same points are sent repeatedly, and no others; a receiver that does not close connections properly needs keep-open in its --sink", "when the sink accepts points", askSink},
	{SinkBehind, "points arrive late", "when the sink is at most one flush behind", askSink},
	{PointsDropped, "dropped points are missing at this sink", "after 15 minutes without a drop", askSink},
	{SpoolUnusable, "points wait only in memory, and are lost when the process ends", "when the directory of the spool can be used", askSink},
	{SpoolFilling, "once the spool is full, the oldest points are dropped", "when the spool has space for another 4 hours", askSink},
	{KernelDrops, "counters and timers are too low by the dropped datagrams; raise --udp-buffer or --receivers", "after 15 minutes without a drop", askKernel},
	{SamplesRefused, "the published values do not include refused samples", "after 15 minutes without a refusal", askDiscards},
	{NamesNearLimit, "at the limit, samples of new names are refused", "when less than 85 % of --max-names are known, and the limit will not be reached within an hour", askPrefixes},
	{BadLinesMany, "the published values do not include bad samples", "when less than 0.5 % of the samples are bad for 5 minutes", askDiscards},
	{TCPCut, "unfinished lines are lost; clients connect again", "after 15 minutes without a cut connection", askCut},
	{SendersRefused, "the samples of these senders are not counted", "when less than 0.5 % of the datagrams and connections are refused for 5 minutes", askSenders},
	{SocketLost, "new clients cannot send", "when the socket file can be created again", askConfig},
	{Descriptors, "clients cannot connect; raise LimitNOFILE or ulimit -n", "after 15 minutes without a failure", askAccept},
	{Silent, "no client's samples are published", "when a line is received", askTail},
	{Clock, "graphite keeps the later of two points with the same time", "after 15 minutes without a repeated time", askRepeated},
	{PipesFailing, "values of stat pipes are missing", "when the next reading succeeds", askPipes},
	{StateFile, "gauges would begin with old values after a restart", "when the next save succeeds", askState},
	{AlertUntold, "operators may not know about the alert", "when the notifier accepts a message", askAlerts},
	{ConfigDiffers, "the changed settings have no effect yet", "after a reload (SIGHUP) or a restart, or when the file has the running settings again", askDiff},
	{LedgerBroken, "the daemon's own counts are wrong: this is a bug, please report it", "never", askLedger},
}

// next returns the command that shows more about a reason.
func (k *reasonKind) next(subject string) string {
	if subject == "room" { // reasons call this subject "room", but the figure is tcp.cut.full
		subject = "full"
	}
	return strings.ReplaceAll(k.ask, "SUBJECT", subject)
}

// ReasonIDs lists the IDs of all reasons that can change the daemon's health, in the order in which they are shown.
func ReasonIDs() (ids []string) {
	for _, kind := range reasonTable {
		if kind.id != ConfigDiffers {
			ids = append(ids, kind.id)
		}
	}
	return ids
}
