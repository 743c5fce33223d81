package member

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/collect"
	"github.com/statsd-ops/statsd/internal/clock"
	"github.com/statsd-ops/statsd/link"
)

const (
	// joinPatience is how long the start of the daemon waits for an answer of the engine.
	joinPatience = 5 * time.Second
	joinAgain    = 2 * time.Second
)

// openOwner connects to the cluster whose data this daemon collects.
func (m *Member) openOwner() error {
	if m.Cluster.CollectFrom == "" {
		return nil
	}
	var err error
	if m.connection, err = m.Cluster.OpenCluster(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), joinPatience)
	defer cancel()
	if err = m.join(ctx); err != nil && m.connection.Remote && !isMismatch(err) {
		m.Log.Error().Err(err).Msg("the cluster cannot be joined now: trying again")
		return nil
	}
	return err
}

func isMismatch(err error) bool {
	_, mismatch := errors.AsType[*link.MismatchError](err)
	return mismatch
}

// join joins the cluster, and creates the owner.
func (m *Member) join(ctx context.Context) error {
	settings, err := m.connection.Engine.Join(ctx, link.Settings{
		Version: link.SettingsVersion, Partitions: m.Cluster.CollectPartitions, Interval: m.Interval, Horizon: m.Cluster.LateHorizon, Tags: m.Tags,
	})
	if err != nil {
		err = fmt.Errorf("--collect %s: %w", m.Cluster.CollectFrom, err)
		m.fault.Store(&err)
		return err
	}
	m.fault.Store(nil)
	m.owner.Store(collect.NewOwner(collect.Config{
		ID: m.Cluster.CollectID, Lateness: m.Cluster.Lateness, Correct: m.Cluster.Late == collect.LateCorrect, Settings: settings,
		From: m.Cluster.CollectAfter, Until: m.Cluster.CollectUntil, Successor: m.successor,
		Table: func() aggregate.Config { return *m.table.Load() }, Publisher: m.Publisher, Log: m.Log,
	}, m.connection.Engine))
	return nil
}

// Collect owns partitions until ctx ends. It returns an error if this daemon can never join its
// cluster, for example because the cluster has other settings.
func (m *Member) Collect(ctx context.Context) error {
	for m.owner.Load() == nil {
		if err := m.join(ctx); err != nil && isMismatch(err) {
			return err
		} else if err != nil && !clock.Sleep(ctx, joinAgain) {
			return nil
		}
	}
	err := m.owner.Load().Run(ctx, m.connection.Members(m.Cluster.CollectID))
	if ctx.Err() != nil && err != nil {
		m.Log.Warn().Err(err).Msg("leaving the cluster failed: other owners take over the partitions after some seconds")
		return nil
	}
	return err
}
