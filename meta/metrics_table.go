package meta

// These are the types of metrics.
const (
	counter = "counter"
	gauge   = "gauge"
	info    = "info"
)

// metricFamily is a metric, with the figures from which its values come.
type metricFamily struct {
	name string // name with the unit, but without the suffix of the type
	kind string
	help string
	from []metricSource
}

// metricSource makes time series from figures.
type metricSource struct {
	figure string // name of the figure, or a pattern with *, which matches any text
	labels string // labels; each * is replaced by the text that the * in the field figure matches
	scale  float64
}

// single makes a series without labels from a figure.
func single(figure string) []metricSource { return []metricSource{{figure: figure}} }

// buildInfo is the only metric whose value does not come from a figure.
var buildInfo = metricFamily{name: "statsd_build", kind: info, help: "Always 1. The labels show the versions of the daemon and of Go."}

// metricTable lists all other metrics in the order in which they are shown. docs/metrics.md lists
// the figures that are missing in this table, with the reasons. For example, a figure that is a sum
// is missing if the table has the parts of the sum.
var metricTable = []metricFamily{
	{"statsd_health", gauge, "Health by reason: 0 is ok, 1 is degraded, 2 is failing.", []metricSource{{figure: "health.*", labels: `reason="*"`}}},

	{"statsd_udp_datagrams", counter, "Datagrams received.", single("udp.packets")},
	{"statsd_udp_received_bytes", counter, "Bytes received in datagrams.", single("udp.bytes")},
	{"statsd_udp_kernel_dropped", counter, "Datagrams that the kernel dropped because the receive buffer was full.", single("udp.kernel_dropped")},
	{"statsd_tcp_connections", counter, "TCP connections that the daemon accepted.", single("tcp.connections")},
	{"statsd_tcp_accept_errors", counter, "TCP connections that could not be accepted.", single("tcp.accept_errors")},
	{"statsd_tcp_open_connections", gauge, "Open TCP connections.", single("tcp.open")},
	{"statsd_tcp_received_bytes", counter, "Bytes received over TCP.", single("tcp.bytes")},
	{"statsd_tcp_cut", counter, "TCP connections that the daemon closed, by reason.", []metricSource{{figure: "tcp.cut.*", labels: `reason="*"`}}},
	{"statsd_listener_datagrams", counter, "Datagrams that a listener received.", listenerSource("datagrams")},
	{"statsd_listener_connections", counter, "Connections that a listener accepted.", listenerSource("connections")},
	{"statsd_listener_open_connections", gauge, "Open connections of a listener.", listenerSource("open")},
	{"statsd_listener_received_bytes", counter, "Bytes that a listener received.", listenerSource("bytes")},
	{"statsd_listener_lines", counter, "Lines that a listener received.", listenerSource("lines")},
	{"statsd_listener_bad_samples", counter, "Bad samples that a listener received.", listenerSource("bad")},
	{"statsd_listener_kernel_dropped", counter, "Datagrams for a listener that the kernel dropped because the receive buffer was full.", listenerSource("kernel_dropped")},
	{"statsd_listener_rebound", counter, "How often the daemon created the file of a unix socket again after it was removed.", listenerSource("rebound")},
	{"statsd_listener_old_key", counter, "Datagrams that were signed with a key other than the newest key. The daemon accepts such datagrams.", listenerSource("old_key")},
	{"statsd_listener_refused", counter, "Datagrams and connections that a listener refused, by reason.", refusalSources()},
	{"statsd_lines", counter, "Lines received.", single("lines.received")},
	{"statsd_metrics_batch_discarded", counter, "Datagrams with more than one line, from which at least one bad line was discarded.", single("metrics.batch.discarded")},
	{"statsd_events_ignored", counter, "Events and service checks of DogStatsD, which the daemon ignores.", single("metrics.events")},
	{"statsd_metrics_tags_dropped", counter, "Samples whose tags were dropped.", single("metrics.tags_dropped")},
	{"statsd_metrics_timestamps_ignored", counter, "Samples whose timestamps were ignored.", single("metrics.timestamps_ignored")},
	{"statsd_samples_aggregated", counter, "Samples that are included in the published values.", single("samples.aggregated")},
	{"statsd_samples_discarded", counter, "Bad samples, by reason.", []metricSource{{figure: "metrics.discarded.*", labels: `reason="*"`}}},
	{"statsd_samples_refused", counter, "Good samples that were refused because of a limit or a rule, or because an operator muted the name.", []metricSource{{figure: "samples.refused.*", labels: `limit="*"`}}},
	{"statsd_names", gauge, "Names that the daemon knows.", single("names")},
	{"statsd_names_limit", gauge, "Maximum number of names.", single("names.limit")},
	{"statsd_timers_sketched", counter, "Timers whose percentiles were estimates, counted at each flush.", single("timers.sketched")},
	{"statsd_debug_skipped", counter, "Log entries for debugging that the daemon skipped because there were too many.", single("debug.skipped")},
	{"statsd_api_limited", counter, "Requests that the JSON API refused because their client had sent too many.", single("api.limited")},
	{"statsd_api_streams_refused", counter, "Streams that the JSON API refused because too many were open.", single("api.streams_refused")},
	{"statsd_api_streams_cut", counter, "Streams that the JSON API closed because the client did not read for a second.", single("api.streams_cut")},

	{"statsd_pipes_processes", gauge, "Processes that answered at the last reading of stat pipes.", single("pipes.processes")},
	{"statsd_pipes_duration_seconds", gauge, "Time that the last reading of stat pipes took.", single("pipes.duration")},
	{"statsd_pipes_errors", counter, "Readings of stat pipes that failed completely.", single("pipes.errors")},
	{"statsd_pipes_refused", counter, "Files that were not usable as stat pipes, counted at each reading.", single("pipes.refused")},
	{"statsd_pipes_timeouts", counter, "Answers of stat pipes that came too late.", single("pipes.timeouts")},
	{"statsd_pipes_too_large", counter, "Answers of stat pipes that were too large.", single("pipes.too_large")},
	{"statsd_pipes_malformed", counter, "Bad lines in answers of stat pipes.", single("pipes.malformed")},
	{"statsd_pipes_removed", counter, "Stat pipes that the daemon removed because their processes had ended.", single("pipes.removed")},

	{"statsd_last_flush_timestamp_seconds", gauge, "When the last flush began. 0 means that there was none yet.", single("ledger.time")},
	{"statsd_flush_duration_seconds", gauge, "Time that the last flush took to collect the received data and to make the points.", single("flush_duration")},
	{"statsd_flush_swap_seconds", gauge, "Time for which the receivers (--receivers) had to wait for the last flush. They wait one after the other, and the value is the sum of their waits.", single("flush.swap")},
	{"statsd_flush_late", counter, "Flushes that took longer than the flush interval.", single("flush.late")},
	{"statsd_flush_repeated", counter, "Flushes with the same timestamp as an earlier flush.", single("flush.repeated")},
	{"statsd_render_seconds", gauge, "Time that the last flush took to make the points. The time to collect the received data is not included.", single("render.time")},
	{"statsd_render_kind_seconds", gauge, "Time that the last flush took to summarise names, by kind.", renderSources("duration")},
	{"statsd_render_names", gauge, "Names in the last flush, by kind.", renderSources("count")},
	{"statsd_render_collisions", gauge, "Names in the last flush with the same path as another name, or with the same file in Graphite.", single("render.collisions")},
	{"statsd_points", gauge, "Points of the last flush.", single("render.total")},

	{"statsd_sinks", gauge, "Configured sinks.", single("sinks")},
	{"statsd_sink_up", gauge, "0 if the last attempt to send failed and the points of the sink wait, otherwise 1.", sinkSource("up")},
	{"statsd_sink_last_accepted_timestamp_seconds", gauge, "When the sink last accepted points. 0 means never.", sinkSource("accepted.time")},
	{"statsd_sink_behind_seconds", gauge, "Age of the oldest flush that the sink has not accepted. 0 means that no flush waits.", sinkSource("behind")},
	{"statsd_sink_errors", counter, "Failed attempts to send, by kind of error.", []metricSource{{figure: "sink.*.errors.socket", labels: `sink="*",kind="socket"`}, {figure: "sink.*.errors.unknown", labels: `sink="*",kind="unknown"`}}},
	{"statsd_sink_points", counter, "Points that were made for the sink, recovered from its spool, or delivered.", []metricSource{{figure: "sink.*.points.made", labels: `sink="*",what="made"`}, {figure: "sink.*.points.recovered", labels: `sink="*",what="recovered"`}, {figure: "sink.*.points.delivered", labels: `sink="*",what="delivered"`}}},
	{"statsd_sink_waiting_points", gauge, "Points that wait in memory or on disk.", []metricSource{{figure: "sink.*.points.queued", labels: `sink="*",where="queue"`}, {figure: "sink.*.points.spooled", labels: `sink="*",where="spool"`}}},
	{"statsd_sink_points_dropped", counter, "Points that were lost, by reason.", []metricSource{dropSource("full"), dropSource("damaged"), dropSource("unsendable"), dropSource("refused"), dropSource("removed")}},
	{"statsd_sink_history_seconds", gauge, "Time span that the history of a load:// sink covers.", []metricSource{{figure: "sink.*.history.minutes", labels: `sink="*"`, scale: 60}}},
	{"statsd_sink_history_names", gauge, "Names in the history of a load:// sink.", sinkSource("history.names")},
	{"statsd_sink_history_bytes", gauge, "Memory that the history of a load:// sink uses.", sinkSource("history.bytes")},
	{"statsd_sink_series", gauge, "Series on the page of a prometheus:// sink.", sinkSource("series")},
	{"statsd_sink_families", gauge, "Families on the page of a prometheus:// sink.", sinkSource("families")},
	{"statsd_sink_scrapes", counter, "Scrapes of the page of a prometheus:// sink.", sinkSource("scrapes")},
	{"statsd_sink_negative_counters", counter, "Intervals in which the sum of a counter was below 0. A prometheus:// sink does not add such a sum to the counter on its page.", sinkSource("negative")},
	{"statsd_sink_conflicts", counter, "Names that a prometheus:// sink omitted, changed or merged because of a conflict, by reason.", []metricSource{conflictSource("type"), conflictSource("suffix"), conflictSource("bounds"), conflictSource("label"), conflictSource("merged"), conflictSource("reserved")}},
	{"statsd_sink_unmatched_names", gauge, "Names that no rule of a mapping matches.", sinkSource("unmatched")},
	{"statsd_sink_rule_names", gauge, "Names that currently match a rule of a mapping.", ruleSource("names")},
	{"statsd_sink_rule_shown", counter, "Received names that match a rule of a mapping, counted at each flush.", ruleSource("shown")},
	{"statsd_sink_rule_last_seconds", gauge, "Time of the last flush with a name that matches a rule of a mapping. 0 means that there was none.", ruleSource("last")},
	{"statsd_rules", gauge, "Rules for names.", single("rules")},
	{"statsd_rule_samples", counter, "Samples that a rule for names matched.", []metricSource{{figure: "rule.*.samples", labels: `rule="*"`}}},
	{"statsd_rule_last_seconds", gauge, "End of the last flush interval in which a rule for names matched. 0 means that it has not matched yet.", []metricSource{{figure: "rule.*.last", labels: `rule="*"`}}},
	{"statsd_flush_errors", counter, "Flushes with at least one failed attempt to send, over all sinks.", single("flush_errors")},
	{"statsd_last_publish_duration_seconds", gauge, "Time of all attempts to send the newest delivered flush, without the pauses between the attempts.", single("last_publish.duration")},
	{"statsd_last_publish_bytes", gauge, "Size of the newest delivered flush.", single("last_publish.bytes")},
	{"statsd_publish_error_timestamp_seconds", gauge, "Time of the last failed attempt to send. 0 means that no attempt has failed.", single("publish_error.time")},

	{"statsd_forward_up", gauge, "0 if the last attempt to send rows to the cluster failed and the rows wait, otherwise 1.", single("forward.up")},
	{"statsd_forward_last_accepted_timestamp_seconds", gauge, "When the cluster last accepted rows. 0 means never.", single("forward.accepted.time")},
	{"statsd_forward_behind_seconds", gauge, "Age of the oldest flush that the cluster has not accepted. 0 means that no flush waits.", single("forward.behind")},
	{"statsd_forward_errors", counter, "Failed attempts to send to the cluster, by kind of error.", []metricSource{{figure: "forward.errors.socket", labels: `kind="socket"`}, {figure: "forward.errors.unknown", labels: `kind="unknown"`}}},
	{"statsd_forward_rows", counter, "Rows that were made for the cluster, recovered from the spool, or accepted by the cluster.", []metricSource{{figure: "forward.rows.made", labels: `what="made"`}, {figure: "forward.rows.recovered", labels: `what="recovered"`}, {figure: "forward.rows.delivered", labels: `what="delivered"`}}},
	{"statsd_forward_waiting_rows", gauge, "Rows that wait in memory or on disk.", []metricSource{{figure: "forward.rows.queued", labels: `where="queue"`}, {figure: "forward.rows.spooled", labels: `where="spool"`}}},
	{"statsd_forward_rows_dropped", counter, "Rows that were lost, by reason.", []metricSource{{figure: "forward.rows.dropped.*", labels: `reason="*"`}}},
	{"statsd_forward_samples", counter, "All samples of the intervals that the daemon has forwarded to the cluster, including samples of names that it does not forward.", single("forward.samples")},
	{"statsd_collect_partitions", gauge, "Partitions of the cluster: all, those that this daemon owns, and those that no daemon owns.", []metricSource{{figure: "collect.partitions", labels: `which="all"`}, {figure: "collect.owned", labels: `which="owned"`}, {figure: "collect.unowned", labels: `which="unowned"`}}},
	{"statsd_collect_waiting_messages", gauge, "Messages that no owner has read yet (lag), and messages that wait for the end of their interval (held).", []metricSource{{figure: "collect.lag", labels: `for="lag"`}, {figure: "collect.held", labels: `for="held"`}}},
	{"statsd_collect_head_age_seconds", gauge, "Age of the newest published interval of the owned partition that is farthest behind.", single("collect.head_age")},
	{"statsd_collect_undelivered_intervals", gauge, "Intervals that are committed, but that not all sinks have delivered or spooled yet, summed over the partitions.", single("collect.undelivered")},
	{"statsd_collect_full_ratio", gauge, "Used fraction of the disk space for messages, in the fullest partition.", single("collect.full")},
	{"statsd_collect_edges", gauge, "Edge daemons that sent something in the last 10 intervals (heard), and edge daemons that did not (silent).", []metricSource{{figure: "collect.edges", labels: `state="heard"`}, {figure: "collect.edges.silent", labels: `state="silent"`}}},
	{"statsd_collect_edges_refused", counter, "Connections of edge daemons that this daemon refused.", single("collect.edges.refused")},
	{"statsd_collect_edges_evicted", counter, "Connections of edge daemons that this daemon closed to accept other connections.", single("collect.edges.evicted")},
	{"statsd_collect_fenced", counter, "How often another owner took a partition from this daemon.", single("collect.fenced")},
	{"statsd_collect_messages", counter, "Messages of all partitions, by result.", []metricSource{{figure: "collect.messages.*", labels: `result="*"`}}},
	{"statsd_collect_corrected", counter, "Messages that were merged after their interval was published.", single("collect.corrected")},
	{"statsd_collect_missing", counter, "Messages that never arrived. An edge daemon numbers its messages, and the owner counts the missing numbers.", single("collect.missing")},
	{"statsd_collect_rows", counter, "Rows in the messages that were merged.", single("collect.rows")},
	{"statsd_collect_rows_refused", counter, "Rows that were refused because of a limit, in merged messages.", single("collect.rows.refused")},
	{"statsd_collect_samples", counter, "Samples of all edge daemons, in messages that were merged and in messages that were discarded.", []metricSource{{figure: "collect.samples", labels: `result="merged"`}, {figure: "collect.samples.lost", labels: `result="lost"`}}},
	{"statsd_notify", counter, "Messages to notifiers, by result.", []metricSource{{figure: "notify.*.sent", labels: `notifier="*",result="sent"`}, {figure: "notify.*.errors", labels: `notifier="*",result="error"`}}},
	{"statsd_notify_waiting", gauge, "Messages that a notifier has not accepted yet.", []metricSource{{figure: "notify.*.waiting", labels: `notifier="*"`}}},
	{"statsd_notify_untracked", counter, "Health reasons that were not added to the history of episodes, because the history was full of open episodes.", single("notify.untracked")},
	{"statsd_state_gauges", gauge, "Gauges in the file of --state-file.", single("state.gauges")},
	{"statsd_state_errors", counter, "Failed attempts to save the state file.", single("state.errors")},
	{"statsd_memory_bytes", gauge, "Heap in use at the last garbage collection (live), memory taken from the system and not given back (held), and memory for the histories of figures and of published values (history).", []metricSource{{figure: "memory.live", labels: `what="live"`}, {figure: "memory.held", labels: `what="held"`}, {figure: "memory.history", labels: `what="history"`}}},
	{"process_start_time_seconds", gauge, "When the daemon started.", single("start_time")},
	{"process_cpu_seconds", counter, "Processor time of the daemon.", single("cpu.used")},
}

// sinkSource makes a series for each sink from a figure.
func sinkSource(figure string) []metricSource {
	return []metricSource{{figure: "sink.*." + figure, labels: `sink="*"`}}
}

// listenerSource makes a series for each listener from a figure.
func listenerSource(figure string) []metricSource {
	return []metricSource{{figure: "listen.*." + figure, labels: `listener="*"`}}
}

// refusalSources makes a series for each listener and each reason of a refusal.
func refusalSources() (all []metricSource) {
	for _, reason := range []string{
		"denied", "bad_auth", "replayed", "late", "early", "unremembered", "no_certificate", "bad_certificate", "bad_name",
		"bad_handshake", "slow_handshake", "crowded", "bad_frames",
	} {
		all = append(all, metricSource{figure: "listen.*." + reason, labels: `listener="*",reason="` + reason + `"`})
	}
	return all
}

// dropSource makes a series for each sink from the number of points that were dropped for a reason.
func dropSource(reason string) metricSource {
	return metricSource{figure: "sink.*.points.dropped." + reason, labels: `sink="*",reason="` + reason + `"`}
}

// conflictSource makes a series for each sink from the number of conflicts of a kind.
func conflictSource(reason string) metricSource {
	return metricSource{figure: "sink.*.conflicts." + reason, labels: `sink="*",reason="` + reason + `"`}
}

// ruleSource makes a series for each rule of each sink from a figure.
func ruleSource(figure string) []metricSource {
	return []metricSource{{figure: "sink.*.rule.*." + figure, labels: `sink="*",rule="*"`}}
}

// renderSources makes one series for each kind of metric: counter, gauge, set and timer. Each series comes from the
// figure render.KIND.FIGURE, where FIGURE is the parameter figure, and KIND is the reference implementation's word for
// the kind, such as "counters".
func renderSources(figure string) (all []metricSource) {
	for _, kind := range [][2]string{{"counters", "counter"}, {"gauge", "gauge"}, {"set", "set"}, {"timers", "timer"}} {
		all = append(all, metricSource{figure: "render." + kind[0] + "." + figure, labels: `kind="` + kind[1] + `"`})
	}
	return all
}
