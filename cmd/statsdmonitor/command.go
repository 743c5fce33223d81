package main

import (
	"cmp"
	"context"
	"slices"
)

// command is a command of statsdmonitor.
type command struct {
	name, group string
	args        string   // arguments in the help text, such as [GLOB]
	least, most int      // minimum and maximum number of arguments
	words       []string // fixed words that are valid as arguments
	help        string
	flags       []use
	// Exactly one of the following fields is set. A command with the field read queries the daemon,
	// and supports --watch.
	read reading
	run  func(context.Context, *session) error
}

// use is a flag of a command. It has the default and the maximum value of the flag for this command.
type use struct {
	name, fallback string
	most           float64 // if 0, the maximum in flags applies
}

// bounds are the minimum and the maximum value of a flag.
type bounds struct{ least, most float64 }

// bounds returns the bounds of a flag for a command. If the default is 0, the value 0 is valid too.
func (u use) bounds(f *flag) bounds {
	b := bounds{f.least, cmp.Or(u.most, f.most)}
	if u.fallback == "0s" {
		b.least = 0
	}
	return b
}

// everywhere contains the flags that every command has.
var everywhere = []use{
	{name: "at"}, {name: "json"}, {"timeout", "9s", 0}, {name: "token-file"}, {name: "ca"}, {name: "help"}, {name: "version"},
}

// Groups of commands in the help.
const (
	looking  = "Look"
	watching = "Watch traffic for a few seconds"
	scripts  = "For scripts"
	changing = "Change the running daemon (with --token-file)"
)

// commands lists all commands, in the order of the help.
var commands = slices.Concat([]command{
	{name: "status", group: looking, help: "Whether the daemon is healthy, what it receives and loses, and the state of its sinks.", read: readStatus},
	{name: "explain", group: looking, args: "LINE|NAME", least: 1, most: 1, flags: []use{{"for", "0s", 0}},
		help: "What happens to a line, or what the daemon knows about a name.", read: readExplain},
	{name: "values", group: looking, args: "[GLOB]", most: 1, flags: []use{{"limit", "50", 0}, {"sort", "name", 0}},
		help: "Published values, with their means over 1, 5 and 15 minutes.", read: readValues},
	{name: "prefixes", group: looking, args: "[PREFIX]", most: 1, flags: []use{{"since", "15m", 0}, {"n", "20", 200}},
		help: "Which prefixes have the most names, and which prefixes grow.", read: readPrefixes},
	{name: "discards", group: looking, flags: []use{{"n", "20", 200}}, help: "Which samples were bad or refused, and who sent them.", read: readDiscards},
	{name: "ledger", group: looking, help: "How many samples and points came in, what happened to them, and whether the numbers add up.", read: readLedger},
	{name: "rules", group: looking, help: "How many samples each rule of --rules has matched.", read: readRules},
	{name: "cluster", group: looking, args: "[EDGE...]", most: 1000, flags: []use{{name: "ledger"}},
		help: "Which daemon owns each partition of a cluster, which interval of each partition was published last, and which edge daemons are silent.", read: readCluster},
	{name: "sinks", group: looking, args: "[NAME]", most: 1, help: "When each sink last accepted points, and how far each sink is behind.", read: readSinks},
	{name: "alerts", group: looking, flags: []use{{"n", "20", 200}, {name: "audit"}}, help: "Which problems there were, and when the notifiers were informed of them.", read: readAlerts},
	{name: "config", group: looking, flags: []use{{name: "all"}, {name: "diff"}}, help: "The settings of the daemon, and the source of each setting.", read: readConfig},
	{name: "cost", group: looking, help: "Which parts of the daemon use CPU time and memory.", read: readCost},
	{name: "history", group: looking, args: "FIGURE|PATH...", least: 1, most: 8, flags: []use{{"since", "1h", 0}},
		help: "The daemon's own metrics, or published values, over time.", read: readHistory},
	{name: "top", group: watching, args: "[GLOB]", most: 1, flags: []use{{"by", "name", 0}, {"for", "5s", 0}, {"n", "20", 200}},
		help: "The names, prefixes, senders or kinds of metrics with the most samples.", read: readTop},
	{name: "tail", group: watching, args: "[GLOB]", most: 1, flags: []use{{name: "sender"}, {name: "bad"}, {"for", "10s", 0}, {"n", "100", 0}},
		help: "Lines as the daemon receives them, and what happens to them.", run: tail},
	{name: "senders", group: watching, args: "[GLOB]", most: 1, flags: []use{{"for", "5s", 0}, {"n", "20", 200}}, help: "Who sends the names that match GLOB.", read: readSenders},
	{name: "check", group: scripts, flags: []use{{"warn", "degraded", 0}, {"crit", "failing", 0}},
		help: "Print one line for Nagios, with performance data, and exit with a status from 0 to 3.", run: check},
}, changes)

// find returns the command with this name, or nil.
func find(name string) *command {
	i := slices.IndexFunc(commands, func(c command) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return &commands[i]
}

func commandNames() []string {
	names := make([]string, len(commands))
	for i := range commands {
		names[i] = commands[i].name
	}
	return names
}

// takes returns all flags of a command.
func (c *command) takes() []use {
	all := slices.Concat(c.flags, everywhere)
	if c.read != nil {
		all = append(all, use{"watch", "", 0})
	}
	return all
}
