package client

import (
	"math"
	"strconv"
	"time"
)

// value is the number of a sample, before it is encoded.
type value struct {
	form form
	bits uint64 // bits of an int64 or a float64
}

type form uint8

const (
	formWhole form = iota
	formMillis
	formDecimal
	formDelta
)

func whole(n int64) value          { return value{formWhole, uint64(n)} }
func millis(d time.Duration) value { return value{formMillis, uint64(d)} }
func decimal(v float64) value      { return value{formDecimal, math.Float64bits(v)} }
func adjustment(v float64) value   { return value{formDelta, math.Float64bits(v)} }

func (v value) float() float64 { return math.Float64frombits(v.bits) }
func (v value) negative() bool { return v.form == formDecimal && v.float() < 0 }

// valid reports whether the value is neither NaN nor infinite.
func (v value) valid() bool { return v.form < formDecimal || v.float()-v.float() == 0 }

func (v value) appendTo(b []byte, python bool) []byte {
	switch v.form {
	case formWhole:
		return strconv.AppendInt(b, int64(v.bits), 10)
	case formMillis:
		return appendMillis(b, time.Duration(v.bits), python)
	case formDelta:
		if v.float() >= 0 {
			b = append(b, '+')
		}
	}
	return appendFloat(b, v.float())
}
