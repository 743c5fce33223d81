// Package tcp connects edges straight to one central daemon: statsd://HOST:8127.
//
// An edge has a Sender, with one connection. The central has an Engine: it appends each message to a log on
// disk, and answers when it is there. A commit is a file, replaced in one step. So what was acknowledged
// survives the end of either process at any moment. A crash of the central's machine loses at most
// what came in the last Config.FsyncEvery.
//
// There is one owner: a lock on the directory keeps out a second central.
//
// # Security
//
// With a shared key both sides prove that they have it, and each frame has a seal, so nobody can add, change, repeat or
// omit one. TLS also hides the content. Without a key everybody who can connect is an edge.
//
// A peer costs at most a connection, a buffer of 64 KiB, and its share of 64 larger buffers. It cannot hold
// a place that others need: see guests and places.
package tcp
