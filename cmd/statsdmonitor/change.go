package main

import "context"

// changes are the commands that change the running daemon.
var changes = []command{}

func change(context.Context, *session) error { return nil }
