package question

import "time"

// Cluster is a cluster as one of its owners sees it. Its Address is empty if the daemon owns no partitions.
type Cluster struct {
	Address string `json:"address"` // as in --collect, or empty
	ID      string `json:"id"`      // of this owner
	// Fault is why the cluster cannot be joined now; "" if it can.
	Fault      string             `json:"fault"`
	Interval   float64            `json:"interval"` // seconds
	Partitions []ClusterPartition `json:"partitions"`
	Edges      []ClusterEdge      `json:"edges"`
	Ledger     ClusterLedger      `json:"ledger"`
	// Refused is the number of connections of edges that this central refused.
	Refused uint64 `json:"refused_connections"`
}

// ClusterPartition is a partition. Its counts are since its first commit, by whichever owner.
type ClusterPartition struct {
	Partition int       `json:"partition"`
	Owner     string    `json:"owner"` // of the newest commit
	Here      bool      `json:"here"`  // this daemon owns it
	Unowned   bool      `json:"unowned"`
	Epoch     time.Time `json:"epoch"` // when the owner took it
	// Head is the end of the newest published interval, HeadAge its age in seconds.
	Head    time.Time `json:"head"`
	HeadAge float64   `json:"head_age"`
	// Stored is the number of messages since the beginning, Lag how many of them wait to be read, Held how
	// many wait for their interval.
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
}

// ClusterEdge is a daemon that forwards.
type ClusterEdge struct {
	Edge  string    `json:"edge"`
	Epoch time.Time `json:"epoch"` // when it started
	// Number is its newest interval since then.
	Number uint64    `json:"number"`
	Heard  time.Time `json:"heard"`
	// Silent says that it has sent nothing for so long that no interval waits for it.
	Silent bool `json:"silent"`
	// Ahead is how many seconds its clock is ahead; negative if it is behind or sends late.
	Ahead float64 `json:"ahead"`
}

// ClusterLedger are the sums of all partitions, in messages:
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
	Difference int64  `json:"difference"` // not 0 is a bug
	Missing    uint64 `json:"missing"`    // messages that edges never sent
	Rows       uint64 `json:"rows"`
	Refused    uint64 `json:"refused"` // rows, by a limit
	Samples    uint64 `json:"samples"` // in merged messages
	Lost       uint64 `json:"lost"`    // samples in messages that do not count
}
