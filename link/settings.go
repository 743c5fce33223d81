package link

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// SettingsVersion is the version of the format in which this program stores and reads Settings.
const SettingsVersion = 1

// maxPartitions is the maximum number of partitions. It is the same as in package partial.
const maxPartitions = 1 << 12

// kept is the JSON format in which engines store Settings.
type kept struct {
	Version    int    `json:"version"`
	Partitions int    `json:"partitions"`
	Interval   string `json:"interval"`
	Horizon    string `json:"horizon"`
	MemberKey  string `json:"member_key"`
	Tags       string `json:"tags"`
}

// Encode returns the settings in the format in which engines store them.
func (s Settings) Encode() []byte {
	text, _ := json.Marshal(kept{ // never fails, because the type kept contains only strings and numbers
		s.Version, s.Partitions, s.Interval.String(), s.Horizon.String(), hex.EncodeToString(s.MemberKey[:]), s.Tags,
	})
	return append(text, '\n')
}

// ParseSettings decodes the output of Encode. It returns an error if this program does not support
// the settings.
func ParseSettings(text []byte) (Settings, error) {
	var k kept
	if err := json.Unmarshal(text, &k); err != nil {
		return Settings{}, fmt.Errorf("the settings of the cluster are damaged: %w", err)
	}
	if k.Version != SettingsVersion {
		return Settings{}, fmt.Errorf("the settings of the cluster have version %d, but this daemon supports only version %d: install the newest version of statsd on all daemons of the cluster", k.Version, SettingsVersion)
	}
	s := Settings{Version: k.Version, Partitions: k.Partitions, Tags: k.Tags}
	var err error
	if s.Interval, err = time.ParseDuration(k.Interval); err == nil {
		s.Horizon, err = time.ParseDuration(k.Horizon)
	}
	if n, bad := hex.Decode(s.MemberKey[:], []byte(k.MemberKey[:min(len(k.MemberKey), 2*len(s.MemberKey))])); err == nil && (bad != nil || n != len(s.MemberKey)) {
		err = fmt.Errorf("the member key must be %d bytes in hexadecimal, but only the first %d bytes are valid", len(s.MemberKey), n)
	}
	if err == nil {
		err = s.check()
	}
	if err != nil {
		return Settings{}, fmt.Errorf("the settings of the cluster are damaged: %w", err)
	}
	return s, nil
}

func (s Settings) check() error {
	switch {
	case s.Partitions < 1 || s.Partitions > maxPartitions || s.Partitions&(s.Partitions-1) != 0:
		return fmt.Errorf("the number of partitions must be a power of two up to %d, not %d", maxPartitions, s.Partitions)
	case s.Interval <= 0:
		return fmt.Errorf("the flush interval must be more than 0, not %v", s.Interval)
	case s.Horizon < s.Interval:
		return fmt.Errorf("the value of --late-horizon must be at least the flush interval (%v), not %v", s.Interval, s.Horizon)
	}
	return nil
}

// Compare returns a *MismatchError if the settings s of a daemon differ from the settings of its
// cluster.
func (s Settings) Compare(cluster Settings) error {
	for _, f := range []struct{ flag, daemon, cluster string }{
		{"--collect-partitions", strconv.Itoa(s.Partitions), strconv.Itoa(cluster.Partitions)},
		{"--flush-interval", s.Interval.String(), cluster.Interval.String()},
		{"--late-horizon", s.Horizon.String(), cluster.Horizon.String()},
		{"--tags", s.Tags, cluster.Tags},
	} {
		if f.daemon != f.cluster {
			return &MismatchError{f.flag, f.daemon, f.cluster}
		}
	}
	if s.MemberKey != [16]byte{} && s.MemberKey != cluster.MemberKey {
		return &MismatchError{"the member key", "another", "one"}
	}
	return nil
}

// First returns the settings of a new cluster. If s has no member key, the function random creates
// it.
func (s Settings) First(random func([]byte)) (Settings, error) {
	s.Version = SettingsVersion
	if err := s.check(); err != nil {
		return Settings{}, fmt.Errorf("the settings of the new cluster are not valid: %w", err)
	}
	if s.MemberKey == [16]byte{} {
		random(s.MemberKey[:])
	}
	return s, nil
}
