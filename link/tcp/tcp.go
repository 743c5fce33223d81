// Package tcp connects edges straight to one central daemon: statsd://HOST:8127.
//
// An edge has a Sender with one connection. The central has an Engine. The Engine appends each message to a
// log on disk before it answers. A commit is a file that is replaced in one step. So acknowledged data survives if
// either process ends at any moment. A crash of the central's machine loses at most the data of the last
// Config.FsyncEvery.
//
// There is one owner: a lock on the directory keeps out a second central.
//
// # Security
//
// With a shared key both sides prove that they have the key, and each frame has a seal. So an attacker
// cannot add, change, repeat or omit a frame. TLS also hides the content. Without a key everyone who can connect can
// act as an edge.
//
// A peer costs at most a connection, a buffer of 64 KiB, and its share of 64 larger buffers. It cannot block edges: see
// guests and places.
package tcp
