package statvent

import (
	"errors"
	"math"
	"strconv"
)

// Value is the number of a stat: an int64, or a float64 if the stat is a float. The zero Value is the integer 0.
type Value struct {
	integer int64
	float   float64
	isFloat bool
}

// Int returns the integer i as a Value.
func Int(i int64) Value { return Value{integer: i} }

// Float returns the float f as a Value.
func Float(f float64) Value { return Value{float: f, isFloat: true} }

// IsFloat reports whether the value is a float.
func (v Value) IsFloat() bool { return v.isFloat }

// Int64 returns the value as an integer. A float is rounded towards zero.
func (v Value) Int64() int64 {
	if v.isFloat {
		return int64(v.float)
	}
	return v.integer
}

// Float64 returns the value as a float. Integers above 2^53 are rounded.
func (v Value) Float64() float64 {
	if v.isFloat {
		return v.float
	}
	return float64(v.integer)
}

// Add returns v+w. The result is an integer if both values are integers and the sum fits into an int64. If not,
// it is a float, limited to the largest finite float.
func (v Value) Add(w Value) Value {
	if sum := v.integer + w.integer; !v.isFloat && !w.isFloat && (sum > v.integer) == (w.integer > 0) {
		return Int(sum)
	}
	return Float(clamp(v.Float64() + w.Float64()))
}

// Sub returns v-w. The result is an integer if both values are integers and the difference fits into an int64. If
// not, it is a float, limited to the largest finite float.
func (v Value) Sub(w Value) Value {
	if diff := v.integer - w.integer; !v.isFloat && !w.isFloat && (diff < v.integer) == (w.integer > 0) {
		return Int(diff)
	}
	return Float(clamp(v.Float64() - w.Float64()))
}

// Less reports whether v is less than w.
func (v Value) Less(w Value) bool {
	if v.isFloat || w.isFloat {
		return v.Float64() < w.Float64()
	}
	return v.integer < w.integer
}

// AppendText appends the value in the format that pipes and JSON use. Integers are decimal. A float is the shortest
// decimal number that is parsed as the same float. It contains a point or an exponent, so that it is parsed as a float.
// A float has an exponent only if its absolute value is less than 1e-6, or at least 1e21. For NaN and infinities,
// AppendText returns an error, because neither pipes nor JSON can represent them.
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

// MarshalJSON returns the value as a JSON number.
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
