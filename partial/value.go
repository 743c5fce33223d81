package partial

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
)

// appendValue encodes the value of a row.
func (s *Rows) appendValue(b []byte, r *aggregate.Row) []byte {
	switch r.Kind {
	case metric.Counter:
		return appendNumber(b, r.Value)
	case metric.Gauge:
		return appendGauge(b, s.end, r)
	case metric.Timer:
		return s.appendTimer(b, r)
	default:
		return appendMembers(b, r.Members)
	}
}

// appendGauge encodes the last value to which a gauge was set, and the later adjustments of the
// gauge. Their times are encoded relative to the end of the interval.
func appendGauge(b []byte, end int64, r *aggregate.Row) []byte {
	b = binary.AppendUvarint(b, uint64(len(r.Adjustments))<<1|bit(r.Set.At != 0))
	if r.Set.At != 0 {
		b = appendNumber(binary.AppendVarint(b, end-r.Set.At), r.Set.Value)
	}
	for _, a := range r.Adjustments {
		b = appendNumber(binary.AppendVarint(b, end-a.At), a.Value)
	}
	return b
}

func appendMembers(b []byte, members []uint64) []byte {
	b = binary.AppendUvarint(b, uint64(len(members)))
	for _, m := range members {
		b = binary.LittleEndian.AppendUint64(b, m)
	}
	return b
}

// The lowest bits of a timer's first number are flags and the form of the samples. The higher bits
// are the number of samples.
const (
	timerMillis  = 1
	timerSketch  = 2
	timerForm    = 4 // the form of the samples, 0 to 7, is multiplied by this factor; see scale
	timerShift   = 5
	timerForms   = 7
	formAsIs     = 0
	maxDecimals  = 3
	formDecimals = 1 // the number of decimals, 0 to 3, is multiplied by this factor
)

func (s *Rows) appendTimer(b []byte, r *aggregate.Row) []byte {
	form := s.scale(r.Samples)
	first := uint64(len(r.Samples))<<timerShift | uint64(form)*timerForm | bit(r.Sketch != nil)*timerSketch | bit(r.Millis)*timerMillis
	b = appendNumber(binary.AppendUvarint(b, first), r.Weight)
	if form == formAsIs {
		for _, v := range r.Samples {
			b = appendFloat(b, v)
		}
	} else {
		slices.Sort(s.scaled)
		last := int64(0)
		for _, n := range s.scaled {
			b = binary.AppendVarint(b, n-last)
			last = n
		}
	}
	if r.Sketch != nil {
		b = appendSketch(b, r.Sketch)
	}
	return b
}

var powers = [maxDecimals + 1]float64{1, 10, 100, 1000}

// scale decides how to encode the samples. If all samples have few decimals, they are scaled to
// whole numbers and sorted, and each is encoded as the difference to the previous one. In this case
// scale stores the whole numbers in s.scaled. Otherwise the samples are encoded unchanged.
func (s *Rows) scale(samples []float64) (form int) {
	if len(samples) == 0 {
		return formAsIs
	}
	for decimals, scale := range powers {
		s.scaled = s.scaled[:0]
		for _, v := range samples {
			n, exact := scaled(v, scale)
			if !exact {
				break
			}
			s.scaled = append(s.scaled, n)
		}
		if len(s.scaled) == len(samples) {
			return formDecimals + decimals
		}
	}
	return formAsIs
}

// scaled returns the whole number n for which n / scale equals v exactly, if there is one.
func scaled(v, scale float64) (n int64, exact bool) {
	const limit = 1 << 52 // a float64 represents all whole numbers below this limit exactly
	w := v * scale
	if scale != 1 {
		w = math.Round(w)
	}
	if !(-limit < w && w < limit) {
		return 0, false
	}
	n = int64(w)
	return n, float64(n)/scale == v && (n != 0 || !math.Signbit(v))
}

func appendSketch(b []byte, s *aggregate.Sketch) []byte {
	b = binary.AppendUvarint(b, uint64(s.Count))
	for _, v := range []float64{s.Zero, s.Lower, s.Upper, s.Sum[0], s.Sum[1], s.Squares[0], s.Squares[1], s.Distances[0], s.Distances[1], s.Origin} {
		b = appendFloat(b, v)
	}
	for _, bins := range [][]aggregate.SketchBin{s.Negative, s.Positive} {
		b = binary.AppendUvarint(b, uint64(len(bins)))
		last := int32(0)
		for _, bin := range bins {
			b = appendNumber(binary.AppendVarint(b, int64(bin.Index-last)), bin.Count)
			last = bin.Index
		}
	}
	return b
}

// appendNumber encodes a float64. A whole number becomes a varint whose lowest bit is 0. Any other
// number becomes the byte 1 and eight bytes.
func appendNumber(b []byte, v float64) []byte {
	if n, exact := scaled(v, 1); exact {
		return binary.AppendUvarint(b, (uint64(n<<1)^uint64(n>>63))<<1)
	}
	return appendFloat(append(b, 1), v)
}

func appendFloat(b []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
}

func appendText(b, text []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
