package question

import "time"

// Cluster describes a cluster as one of its members sees it. The member is an owner, an edge, or
// both.
type Cluster struct {
	Interval float64 `json:"interval"` // in seconds
	// Collects means that this daemon is an owner. The fields up to Ledger are set only if Collects is
	// true.
	Collects bool   `json:"collects"`
	Address  string `json:"address"` // address in --collect
	ID       string `json:"id"`      // name of this owner
	// The owners publish the intervals that end after the time After and not after the time Until. A
	// zero time means that there is no limit.
	After time.Time `json:"after"`
	Until time.Time `json:"until"`
	// Fault is why the daemon cannot join the cluster now. It is "" if it can.
	Fault      string             `json:"fault"`
	Partitions []ClusterPartition `json:"partitions"`
	Edges      []ClusterEdge      `json:"edges"`
	Ledger     ClusterLedger      `json:"ledger"`
	// Refused is the number of connections of edges that this daemon, as the central daemon, has refused. Evicted is
	// the number of connections that it has closed to make room for others.
	Refused uint64 `json:"refused_connections"`
	Evicted uint64 `json:"evicted_connections"`
	// Forwards means that this daemon is an edge. Forward and Next are set only if Forwards is true. If the edge
	// forwards to two clusters, Forward is the first one, and Next is the cluster that gets the intervals after
	// Forward.Until. Next is nil if there is no second cluster.
	Forwards bool            `json:"forwards"`
	Forward  ClusterForward  `json:"forward"`
	Next     *ClusterForward `json:"next"`
}

// Forwarding returns what this edge has forwarded to each cluster.
func (c *Cluster) Forwarding() (all []*ClusterForward) {
	if c.Forwards {
		all = append(all, &c.Forward)
	}
	if c.Next != nil {
		all = append(all, c.Next)
	}
	return all
}

// ClusterForward describes what an edge has forwarded since its start. The counts are numbers of rows. Each interval
// counts as one additional row. This always holds:
//
//	Made + Recovered = Acknowledged + Queued + Spooled + Dropped + Difference
type ClusterForward struct {
	Address string `json:"address"` // address in --forward
	Edge    string `json:"edge"`    // name of the edge in the cluster
	Sink    string `json:"sink"`    // name of the destination through which the edge forwards
	// The cluster gets the intervals that end after the time After and not after the time Until. A
	// zero time means that there is no limit.
	After time.Time `json:"after"`
	Until time.Time `json:"until"`
	// Waits is why the settings of the cluster are not known yet. It is "" if they are known.
	// Partitions, Horizon and Tags are these settings.
	Waits      string  `json:"waits"`
	Partitions int     `json:"partitions"`
	Horizon    float64 `json:"horizon"` // in seconds
	Tags       string  `json:"tags"`
	// Part means that --forward-match selects only some of the names. If it is false, all names are
	// forwarded.
	Part bool `json:"part"`
	// State is ok, waiting (for the settings of the cluster), behind or FAILING. FailingSince and
	// Error are set if the last attempt to send failed.
	State        string    `json:"state"`
	FailingSince time.Time `json:"failing_since"`
	Error        string    `json:"error"`
	Accepted     time.Time `json:"accepted"` // when the cluster last accepted rows; zero if it has accepted none
	Behind       float64   `json:"behind"`   // age of the oldest waiting interval in seconds
	// Epoch is when the edge started. Number is the number of intervals since then, and Samples is the
	// number of samples in them.
	Epoch        time.Time         `json:"epoch"`
	Number       uint64            `json:"number"`
	Samples      uint64            `json:"samples"`
	Made         uint64            `json:"made"`
	Recovered    uint64            `json:"recovered"` // found in the spool of an earlier run
	Acknowledged uint64            `json:"acknowledged"`
	Queued       uint64            `json:"queued"`
	Spooled      uint64            `json:"spooled"`
	Dropped      uint64            `json:"dropped"`
	Reasons      map[string]uint64 `json:"reasons"`    // dropped rows by reason
	Difference   int64             `json:"difference"` // a value other than 0 is a bug
	SpoolBytes   int64             `json:"spool_bytes"`
	SpoolMax     int64             `json:"spool_max"` // 0 if there is no spool
	// Unowned lists the partitions that have had no new commit for a long time, because no daemon owns
	// them. An edge knows this only if it uses NATS.
	Unowned []int `json:"unowned"`
}

// Waiting returns the number of waiting rows.
func (f *ClusterForward) Waiting() uint64 { return f.Queued + f.Spooled }

// ClusterPartition describes a partition. Its counts are since the partition's first commit, and
// include all owners.
type ClusterPartition struct {
	Partition int       `json:"partition"`
	Owner     string    `json:"owner"` // owner that made the last commit
	Here      bool      `json:"here"`  // this daemon owns the partition
	Unowned   bool      `json:"unowned"`
	Epoch     time.Time `json:"epoch"` // when the owner took over the partition
	// Head is the end of the last published interval. HeadAge is its age in seconds.
	Head    time.Time `json:"head"`
	HeadAge float64   `json:"head_age"`
	// Stored is the number of all messages so far. Lag is how many of them wait to be read. Held is
	// how many wait for the end of their interval.
	Stored      uint64  `json:"stored"`
	Lag         uint64  `json:"lag"`
	Held        int     `json:"held"`
	Bytes       int64   `json:"bytes"`
	MaxBytes    int64   `json:"max_bytes"`
	Edges       int     `json:"edges"`
	Undelivered int64   `json:"undelivered"` // number of intervals that are not delivered yet
	Merged      uint64  `json:"merged"`
	Corrected   uint64  `json:"corrected"`
	Duplicates  uint64  `json:"duplicates"`
	Late        uint64  `json:"late"`
	Missing     uint64  `json:"missing"`
	Fenced      uint64  `json:"fenced"` // how often another owner has taken the partition from this daemon, since its start
	Fault       string  `json:"fault"`
	Full        float64 `json:"full"` // used fraction of the disk space for messages
	// Over means that the last interval of the cluster is published. HandedOver means that this daemon
	// has handed its names over to the next cluster.
	Over       bool `json:"over"`
	HandedOver bool `json:"handed_over"`
}

// ClusterEdge describes an edge daemon.
type ClusterEdge struct {
	Edge  string    `json:"edge"`
	Epoch time.Time `json:"epoch"` // when the edge started
	// Number is the number of the edge's last interval since Epoch. Complete is the number of the last
	// interval whose messages have all arrived, in all partitions.
	Number   uint64 `json:"number"`
	Complete uint64 `json:"complete"`
	// Samples is the number of samples in the processed messages of the edge since Epoch, without
	// duplicates.
	Samples uint64    `json:"samples"`
	Heard   time.Time `json:"heard"`
	// Silent means that the edge has sent nothing for so long that intervals no longer wait for it.
	Silent bool `json:"silent"`
	// Ahead is the number of seconds by which the edge's clock is ahead. It is negative if the clock is behind, or if
	// the edge sends late.
	Ahead float64 `json:"ahead"`
}

// ClusterLedger has the sums of the counts of all partitions, in messages. This always holds:
//
//	Stored = Merged + Duplicates + Late + Damaged + Foreign + Future + Held + Lag + Difference
type ClusterLedger struct {
	Stored     uint64 `json:"stored"`
	Merged     uint64 `json:"merged"`
	Duplicates uint64 `json:"duplicates"`
	Late       uint64 `json:"late"`
	Damaged    uint64 `json:"damaged"`
	Foreign    uint64 `json:"foreign"`
	Future     uint64 `json:"future"`
	Held       uint64 `json:"held"`
	Lag        uint64 `json:"lag"`
	Difference int64  `json:"difference"` // a value other than 0 is a bug
	Missing    uint64 `json:"missing"`    // messages that never arrived, as gaps in the edges' message numbers show
	Rows       uint64 `json:"rows"`
	Refused    uint64 `json:"refused"` // rows refused because of a limit
	Samples    uint64 `json:"samples"` // samples in merged messages
	Lost       uint64 `json:"lost"`    // samples in messages that were not merged
}
