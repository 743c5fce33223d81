//go:build !unix

package spool

import (
	"errors"
	"os"
)

var errNotDir = errors.New("not a directory")

// flock does nothing: here nothing keeps a second process out.
func flock(*os.File) error { return nil }

func isLocked(error) bool    { return false }
func isReadOnly(error) bool  { return false }
func isFull(error) bool      { return false }
func isExhausted(error) bool { return false }
