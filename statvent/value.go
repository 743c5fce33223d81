package statvent

import (
	"errors"
	"math"
	"strconv"
)

// Value is the number of a stat: an int64, or a float64 if a float was used. The zero Value
// is the integer 0.
type Value struct {
	integer int64
	float   float64
	isFloat bool
}

// Int is the integer i.
func Int(i int64) Value { return Value{integer: i} }

// Float is the float f.
func Float(f float64) Value { return Value{float: f, isFloat: true} }

// IsFloat reports whether the value is a float.
func (v Value) IsFloat() bool { return v.isFloat }

// Int64 is the value as an integer, cut towards zero if it is a float.
func (v Value) Int64() int64 {
	if v.isFloat {
		return int64(v.float)
	}
	return v.integer
}

// Float64 is the value as a float. Integers beyond 2^53 are rounded.
func (v Value) Float64() float64 {
	if v.isFloat {
		return v.float
	}
	return float64(v.integer)
}

// Add is v+w. It is an integer if both are integers and the sum fits. Otherwise it is a float, at most the largest
// finite float.
func (v Value) Add(w Value) Value {
	if sum := v.integer + w.integer; !v.isFloat && !w.isFloat && (sum > v.integer) == (w.integer > 0) {
		return Int(sum)
	}
	return Float(clamp(v.Float64() + w.Float64()))
}

// Sub is v-w. It is an integer if both are integers and the difference fits. Otherwise it is a float, at most the
// largest finite float.
func (v Value) Sub(w Value) Value {
	if diff := v.integer - w.integer; !v.isFloat && !w.isFloat && (diff < v.integer) == (w.integer > 0) {
		return Int(diff)
	}
	return Float(clamp(v.Float64() - w.Float64()))
}

// Less reports whether v is smaller than w.
func (v Value) Less(w Value) bool {
	if v.isFloat || w.isFloat {
		return v.Float64() < w.Float64()
	}
	return v.integer < w.integer
}

// AppendText appends the value in the form that pipes and JSON have. An integer is decimal. A
// float is the shortest decimal that reads back the same; it has a point or an exponent, so that
// it reads back as a float. Only floats below 1e-6 and from 1e21 on have an exponent. NaN and infinities are errors,
// because neither format can express them.
func (v Value) AppendText(dst []byte) ([]byte, error) {
	if !v.isFloat {
		return strconv.AppendInt(dst, v.integer, 10), nil
	}
	if !finite(v.float) {
		return dst, errors.New("statvent: the value is not finite")
	}
	format := byte('f')
	if abs := math.Abs(v.float); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	text := strconv.AppendFloat(dst, v.float, format, -1, 64)
	if format == 'f' && v.float == math.Trunc(v.float) {
		text = append(text, ".0"...)
	}
	return text, nil
}

// MarshalJSON makes the value a JSON number.
func (v Value) MarshalJSON() ([]byte, error) { return v.AppendText(nil) }

func (v Value) String() string {
	text, err := v.AppendText(nil)
	if err != nil {
		return strconv.FormatFloat(v.float, 'f', -1, 64)
	}
	return string(text)
}

func finite(f float64) bool { return f-f == 0 }

func clamp(f float64) float64 { return max(-math.MaxFloat64, min(f, math.MaxFloat64)) }
