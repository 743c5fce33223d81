package otlp

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/statsd-ops/statsd/metric"
)

// The fields of opentelemetry-proto 1.x that this sink writes, as protobuf tags: number<<3 | type. See
// opentelemetry/proto/metrics/v1/metrics.proto and common/v1/common.proto in
// https://github.com/open-telemetry/opentelemetry-proto.
const (
	varint, fixed64, bytesType = 0, 1, 2

	requestResourceMetrics = 1<<3 | bytesType

	resourceMetricsResource = 1<<3 | bytesType
	resourceMetricsScope    = 2<<3 | bytesType
	resourceAttributes      = 1<<3 | bytesType

	scopeMetricsScope   = 1<<3 | bytesType
	scopeMetricsMetrics = 2<<3 | bytesType
	scopeName           = 1<<3 | bytesType
	scopeVersion        = 2<<3 | bytesType

	metricName         = 1<<3 | bytesType
	metricUnit         = 3<<3 | bytesType
	metricGauge        = 5<<3 | bytesType
	metricSum          = 7<<3 | bytesType
	metricExpHistogram = 10<<3 | bytesType
	metricSummary      = 11<<3 | bytesType

	dataPoints       = 1<<3 | bytesType // field of the messages Gauge, Sum, ExponentialHistogram and Summary
	temporality      = 2<<3 | varint    // field of the messages Sum and ExponentialHistogram
	monotonic        = 3<<3 | varint    // field of the message Sum
	deltaTemporality = 1

	numberStart      = 2<<3 | fixed64
	numberTime       = 3<<3 | fixed64
	numberDouble     = 4<<3 | fixed64
	numberAttributes = 7<<3 | bytesType

	expAttributes = 1<<3 | bytesType
	expStart      = 2<<3 | fixed64
	expTime       = 3<<3 | fixed64
	expCount      = 4<<3 | fixed64
	expSum        = 5<<3 | fixed64
	expScale      = 6<<3 | varint
	expZeroCount  = 7<<3 | fixed64
	expPositive   = 8<<3 | bytesType
	expNegative   = 9<<3 | bytesType
	expMin        = 12<<3 | fixed64
	expMax        = 13<<3 | fixed64

	bucketsOffset = 1<<3 | varint
	bucketsCounts = 2<<3 | bytesType

	summaryStart      = 2<<3 | fixed64
	summaryTime       = 3<<3 | fixed64
	summaryCount      = 4<<3 | fixed64
	summarySum        = 5<<3 | fixed64
	summaryQuantiles  = 6<<3 | bytesType
	summaryAttributes = 7<<3 | bytesType
	quantileQuantile  = 1<<3 | fixed64
	quantileValue     = 2<<3 | fixed64

	keyValueKey    = 1<<3 | bytesType
	keyValueValue  = 2<<3 | bytesType
	anyValueString = 1<<3 | bytesType
)

// lengthBytes is the number of bytes for the length of a message. The length is a varint that is padded to 4
// bytes, so that it can be filled in when the message is complete. Every decoder accepts the padding. The maximum
// length is 2^28 - 1.
const lengthBytes = 4

// open starts a message, and returns the index of its content. The function close later fills in
// the length.
func open(dst []byte, tag byte) ([]byte, int) {
	dst = append(dst, tag, 0, 0, 0, 0)
	return dst, len(dst)
}

func closeAt(dst []byte, start int) {
	n := len(dst) - start
	length := dst[start-lengthBytes : start]
	for i := range lengthBytes - 1 {
		length[i] = byte(n>>(7*i)) | 0x80
	}
	length[lengthBytes-1] = byte(n >> (7 * (lengthBytes - 1)))
}

func appendBytes[T string | []byte](dst []byte, tag byte, text T) []byte {
	dst = binary.AppendUvarint(append(dst, tag), uint64(len(text)))
	return append(dst, text...)
}

func appendVarint(dst []byte, tag byte, v uint64) []byte {
	return binary.AppendUvarint(append(dst, tag), v)
}

func appendFixed(dst []byte, tag byte, v uint64) []byte {
	return binary.LittleEndian.AppendUint64(append(dst, tag), v)
}

func appendDouble(dst []byte, tag byte, v float64) []byte {
	return appendFixed(dst, tag, math.Float64bits(v))
}

// zigzag encodes v as a protobuf sint32.
func zigzag(v int) uint64 { return uint64(uint32(v<<1) ^ uint32(int32(v)>>31)) }

func uvarintLen(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// appendAttribute appends a KeyValue message with a string value.
func appendAttribute[K, V string | []byte](dst []byte, tag byte, key K, value V) []byte {
	inner := 1 + uvarintLen(uint64(len(value))) + len(value) // length of the AnyValue message
	outer := 1 + uvarintLen(uint64(len(key))) + len(key) + 1 + uvarintLen(uint64(inner)) + inner
	dst = binary.AppendUvarint(append(dst, tag), uint64(outer))
	dst = appendBytes(dst, keyValueKey, key)
	dst = binary.AppendUvarint(append(dst, keyValueValue), uint64(inner))
	return appendBytes(dst, anyValueString, value)
}

// appendBuckets appends bins with counts rounded to whole numbers. It rounds running totals, not
// single counts, so that the sum of the rounded counts is the rounded sum. The parameter total is
// the exact sum of all counts of the histogram that are already appended. appendBuckets adds the
// counts of b to it.
func appendBuckets(dst []byte, tag byte, b *metric.ExpBins, total *float64) []byte {
	if len(b.Counts) == 0 {
		return dst
	}
	dst, start := open(dst, tag)
	dst = appendVarint(dst, bucketsOffset, zigzag(b.Offset))
	dst, counts := open(dst, bucketsCounts)
	for _, n := range b.Counts {
		dst = binary.AppendUvarint(dst, roundOn(total, n))
	}
	closeAt(dst, counts)
	closeAt(dst, start)
	return dst
}

// roundOn adds n to a running total, and returns by how much the rounded total increases.
func roundOn(total *float64, n float64) uint64 {
	before := math.Round(*total)
	*total += n
	return uint64(math.Round(*total) - before)
}
