// Package tcp connects edges directly to one central daemon. Its addresses are statsd://HOST:8127.
//
// An edge has a Sender with one connection. The central daemon has an Engine. The Engine writes each message to a log
// file before it answers. It replaces a commit's file atomically. So acknowledged data is not lost if a process ends at
// any moment. A crash of the central daemon's machine loses at most the data of the last Config.FsyncEvery.
//
// The central daemon is the only owner: a lock on its directory prevents a second one.
//
// # Security
//
// If the edges and the central daemon share a key, they prove to each other that they know it, and each frame has a
// seal, which is a message authentication code. So an attacker cannot add, change, repeat or omit a frame. TLS also
// encrypts the content. Without a key, everyone who can connect can act as an edge.
//
// A connection costs little memory: a buffer of 64 KiB. A connection with a large message needs a larger buffer; at most
// 64 connections have one at the same time. A connection cannot block others: see guests and places.
package tcp
