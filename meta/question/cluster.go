package question

import "time"

// Cluster is a cluster as one of its members sees it: as an owner, as an edge, or as both.
type Cluster struct {
	Interval float64 `json:"interval"` // seconds
	// Collects says that this daemon owns partitions. Then the fields up to Ledger are set.
	Collects bool   `json:"collects"`
	Address  string `json:"address"` // as in --collect
	ID       string `json:"id"`      // of this owner
	// The owners publish the intervals that end after After, and not after Until. Zero means that there is no limit.
	After time.Time `json:"after"`
	Until time.Time `json:"until"`
	// Fault says why the daemon cannot join the cluster now; "" if it can.
	Fault      string             `json:"fault"`
	Partitions []ClusterPartition `json:"partitions"`
	Edges      []ClusterEdge      `json:"edges"`
	Ledger     ClusterLedger      `json:"ledger"`
	// Refused is the number of connections of edges that this central refused. Evicted counts those that it closed
	// because another one needed the place.
	Refused uint64 `json:"refused_connections"`
	Evicted uint64 `json:"evicted_connections"`
	// Forwards says that this daemon is an edge. If so, Forward is set, and Next if another cluster goes on from a time.
	Forwards bool            `json:"forwards"`
	Forward  ClusterForward  `json:"forward"`
	Next     *ClusterForward `json:"next"`
}

// Forwarding returns what this edge has forwarded to each of its clusters.
func (c *Cluster) Forwarding() (all []*ClusterForward) {
	if c.Forwards {
		all = append(all, &c.Forward)
	}
	if c.Next != nil {
		all = append(all, c.Next)
	}
	return all
}

// ClusterForward is what an edge has forwarded since its start. Its units are rows, and one more for each interval:
//
//	Made + Recovered = Acknowledged + Queued + Spooled + Dropped + Difference
type ClusterForward struct {
	Address string `json:"address"` // as in --forward
	Edge    string `json:"edge"`    // its name in the cluster
	Sink    string `json:"sink"`    // the name of the cluster among the sinks
	// The cluster gets the intervals that end after After, and not after Until. Zero means that there is no limit.
	After time.Time `json:"after"`
	Until time.Time `json:"until"`
	// Waits says why the settings of the cluster (Partitions, Horizon and Tags) are not known; "" if they are.
	Waits      string  `json:"waits"`
	Partitions int     `json:"partitions"`
	Horizon    float64 `json:"horizon"` // seconds
	Tags       string  `json:"tags"`
	// Part says that --forward-match selects a part of the names. Otherwise all names are forwarded.
	Part bool `json:"part"`
	// State is ok, waiting (for the settings), behind or FAILING. FailingSince and Error are set if the last attempt
	// failed.
	State        string    `json:"state"`
	FailingSince time.Time `json:"failing_since"`
	Error        string    `json:"error"`
	Accepted     time.Time `json:"accepted"` // when the cluster last accepted rows; zero for never
	Behind       float64   `json:"behind"`   // age of the oldest interval that waits, in seconds
	// Epoch is when the edge was started. Number counts its intervals since then, and Samples the samples in them.
	Epoch        time.Time         `json:"epoch"`
	Number       uint64            `json:"number"`
	Samples      uint64            `json:"samples"`
	Made         uint64            `json:"made"`
	Recovered    uint64            `json:"recovered"` // from the spool of earlier runs
	Acknowledged uint64            `json:"acknowledged"`
	Queued       uint64            `json:"queued"`
	Spooled      uint64            `json:"spooled"`
	Dropped      uint64            `json:"dropped"`
	Reasons      map[string]uint64 `json:"reasons"`    // Dropped by reason
	Difference   int64             `json:"difference"` // if not 0, there is a bug
	SpoolBytes   int64             `json:"spool_bytes"`
	SpoolMax     int64             `json:"spool_max"` // 0: no spool
	// Unowned lists partitions without a new commit for a long time: no daemon owns them. An edge knows them only over
	// NATS.
	Unowned []int `json:"unowned"`
}

// Waiting returns the rows that wait.
func (f *ClusterForward) Waiting() uint64 { return f.Queued + f.Spooled }

// ClusterPartition is a partition. It counts since its first commit, over all owners.
type ClusterPartition struct {
	Partition int       `json:"partition"`
	Owner     string    `json:"owner"` // owner at the newest commit
	Here      bool      `json:"here"`  // this daemon owns it
	Unowned   bool      `json:"unowned"`
	Epoch     time.Time `json:"epoch"` // when the owner took it
	// Head is the end of the newest published interval, HeadAge its age in seconds.
	Head    time.Time `json:"head"`
	HeadAge float64   `json:"head_age"`
	// Stored is the number of messages since the beginning. Of these, Lag wait to be read and Held wait for their
	// interval.
	Stored      uint64  `json:"stored"`
	Lag         uint64  `json:"lag"`
	Held        int     `json:"held"`
	Bytes       int64   `json:"bytes"`
	MaxBytes    int64   `json:"max_bytes"`
	Edges       int     `json:"edges"`
	Undelivered int64   `json:"undelivered"` // intervals
	Merged      uint64  `json:"merged"`
	Corrected   uint64  `json:"corrected"`
	Duplicates  uint64  `json:"duplicates"`
	Late        uint64  `json:"late"`
	Missing     uint64  `json:"missing"`
	Fenced      uint64  `json:"fenced"` // of this daemon, since its start
	Fault       string  `json:"fault"`
	Full        float64 `json:"full"` // used share of its disk space
	// Over says that the last interval of the cluster is published, HandedOver that this daemon has given its names to the
	// next cluster.
	Over       bool `json:"over"`
	HandedOver bool `json:"handed_over"`
}

// ClusterEdge is a daemon that forwards.
type ClusterEdge struct {
	Edge  string    `json:"edge"`
	Epoch time.Time `json:"epoch"` // when it started
	// Number is the edge's newest interval since Epoch. Complete is the newest interval that has reached all
	// partitions.
	Number   uint64 `json:"number"`
	Complete uint64 `json:"complete"`
	// Samples counts the samples in its processed messages since Epoch, without duplicates.
	Samples uint64    `json:"samples"`
	Heard   time.Time `json:"heard"`
	// Silent says that it has sent nothing for so long that no interval waits for it.
	Silent bool `json:"silent"`
	// Ahead is how many seconds its clock is ahead; negative if it is behind or sends late.
	Ahead float64 `json:"ahead"`
}

// ClusterLedger holds the sums over all partitions, in messages:
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
	Difference int64  `json:"difference"` // if not 0, there is a bug
	Missing    uint64 `json:"missing"`    // messages that edges never sent
	Rows       uint64 `json:"rows"`
	Refused    uint64 `json:"refused"` // rows, by a limit
	Samples    uint64 `json:"samples"` // in merged messages
	Lost       uint64 `json:"lost"`    // samples in messages that do not count
}
