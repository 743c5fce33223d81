package prometheus

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"strconv"
	"strings"
)

// This file writes the page in the protobuf format: a sequence of MetricFamily messages of io.prometheus.client,
// each with its length before it. The encoder is hand-written, because only a small part of the format is needed.
// rules/peertest compares it to the generated types.

const protoType = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"

// Field numbers.
const (
	familyName, familyHelp, familyType, familyMetric                        = 1, 2, 3, 4
	metricLabel, metricGauge, metricCounter, metricSummary, metricHistogram = 1, 2, 3, 4, 7
	labelName, labelValue                                                   = 1, 2
	numberValue                                                             = 1
	sampleCount, sampleSum, sampleQuantile, sampleBucket, sampleCountFloat  = 1, 2, 3, 3, 4
	quantileOf, quantileValue                                               = 1, 2
	bucketCount, bucketBound, bucketCountFloat                              = 1, 2, 4
	nativeSchema, nativeThreshold, nativeZero, nativeZeroFloat              = 5, 6, 7, 8
	nativeNegative, nativePositive                                          = 9, 12 // field number of the spans; deltas and counts have the next two numbers
	spanOffset, spanLength                                                  = 1, 2
	varint, fixed64, delimited                                              = 0, 1, 2 // wire types of protobuf
)

var helpUnescaper = strings.NewReplacer(`\\`, `\`, `\n`, "\n")

// protoKinds are the values of the enum MetricType.
var protoKinds = [...]uint64{Counter: 0, Gauge: 1, Summary: 2, Histogram: 4}

// protoPage writes a view in the protobuf format to out.
type protoPage struct {
	*view
	out                         []byte
	family, metric, part, inner []byte // buffers for open messages; each message is nested in the previous one
}

// writeProto writes the page in the protobuf format.
func (v *view) writeProto(w io.Writer) error {
	p := protoPage{view: v}
	p.ownFamilies(v.own)
	for _, f := range v.families {
		p.family = appendText(p.family[:0], familyName, f.name)
		p.family = appendText(p.family, familyHelp, f.help)
		p.family = appendVarint(p.family, familyType, protoKinds[f.kind])
		for i := range f.entries {
			p.entry(f, &f.entries[i])
		}
		p.out = append(binary.AppendUvarint(p.out, uint64(len(p.family))), p.family...)
		if len(p.out) >= writeBlock {
			if _, err := w.Write(p.out); err != nil {
				return err
			}
			p.out = p.out[:0]
		}
	}
	_, err := w.Write(p.out)
	return err
}

func (p *protoPage) entry(f *familyView, e *entry) {
	p.metric = p.metric[:0]
	p.labels(textOf(p.pages, e.labels))
	at := e.slot & (chunkSize - 1)
	values := p.chunks[e.slot>>chunkShift][at : at+uint32(f.width())]
	p.part = p.part[:0]
	field := metricGauge
	switch f.kind {
	case Summary:
		field = metricSummary
		p.part = appendCount(p.part, sampleCount, values[1])
		p.part = appendDouble(p.part, sampleSum, values[0])
		for i, q := range f.quantiles {
			p.inner = appendDouble(appendDouble(p.inner[:0], quantileOf, q), quantileValue, values[2+i])
			p.part = appendMessage(p.part, sampleQuantile, p.inner)
		}
	case Histogram:
		field = metricHistogram
		p.histogram(f, values, p.natives[e.series])
	case Counter:
		field = metricCounter
		p.part = appendDouble(p.part, numberValue, values[0])
	default:
		p.part = appendDouble(p.part, numberValue, values[0])
	}
	p.metric = appendMessage(p.metric, field, p.part)
	p.family = appendMessage(p.family, familyMetric, p.metric)
}

// histogram writes the buckets of a histogram, and its native buckets if it has any. If one of the counts is
// fractional, all counts are written as floats.
func (p *protoPage) histogram(f *familyView, values []float64, n *native) {
	whole, count := n == nil || n.whole(), 0.0
	for _, v := range values[1:] {
		count += v
		whole = whole && isCount(v)
	}
	counts := func(dst []byte, integer, float int, v float64) []byte {
		if whole {
			return appendVarint(dst, integer, uint64(v))
		}
		return appendDouble(dst, float, v)
	}
	if n != nil {
		count = n.count()
	}
	p.part = counts(p.part, sampleCount, sampleCountFloat, count)
	p.part = appendDouble(p.part, sampleSum, values[0])
	below := 0.0
	for i, bound := range f.bounds {
		below += values[1+i]
		p.inner = appendDouble(counts(p.inner[:0], bucketCount, bucketCountFloat, below), bucketBound, bound)
		p.part = appendMessage(p.part, sampleBucket, p.inner)
	}
	if n == nil {
		return
	}
	p.part = appendVarint(p.part, nativeSchema, zigzag(int64(n.schema)))
	p.part = appendDouble(p.part, nativeThreshold, zeroThreshold)
	p.part = counts(p.part, nativeZero, nativeZeroFloat, n.zero)
	p.spans(nativeNegative, n.negative, whole)
	p.spans(nativePositive, n.positive, whole)
}

// spans writes sparse buckets: runs of consecutive indexes, and then the counts. Whole counts are written as
// differences to the previous count.
func (p *protoPage) spans(field int, all []sparse, whole bool) {
	for i := 0; i < len(all); {
		n := 1
		for i+n < len(all) && all[i+n].index == all[i].index+int32(n) {
			n++
		}
		offset := int64(all[i].index)
		if i > 0 {
			offset -= int64(all[i-1].index) + 1
		}
		p.inner = appendVarint(appendVarint(p.inner[:0], spanOffset, zigzag(offset)), spanLength, uint64(n))
		p.part = appendMessage(p.part, field, p.inner)
		i += n
	}
	if len(all) == 0 {
		return
	}
	p.inner = p.inner[:0]
	before := int64(0)
	for _, b := range all {
		if whole {
			p.inner = binary.AppendUvarint(p.inner, zigzag(int64(b.count)-before))
			before = int64(b.count)
		} else {
			p.inner = binary.LittleEndian.AppendUint64(p.inner, math.Float64bits(b.count))
		}
	}
	if field++; !whole {
		field++
	}
	p.part = appendMessage(p.part, field, p.inner)
}

// labels parses labels in the text format (k="v",k2="v2") and writes them.
func (p *protoPage) labels(text []byte) {
	for len(text) > 0 {
		name, rest, _ := bytes.Cut(text, []byte(`="`))
		p.part = appendText(p.part[:0], labelName, string(name))
		p.inner = p.inner[:0]
		i := 0
		for ; i < len(rest) && rest[i] != '"'; i++ {
			c := rest[i]
			if c == '\\' && i+1 < len(rest) {
				if i++; rest[i] == 'n' {
					c = '\n'
				} else {
					c = rest[i]
				}
			}
			p.inner = append(p.inner, c)
		}
		p.part = appendMessage(p.part, labelValue, p.inner)
		p.metric = appendMessage(p.metric, metricLabel, p.part)
		text = bytes.TrimPrefix(rest[min(i+1, len(rest)):], []byte(","))
	}
}

// ownFamilies writes the daemon's own families. It parses them from their text, and supports only counters and
// gauges.
func (p *protoPage) ownFamilies(text []byte) {
	end := func() {
		if len(p.family) > 0 {
			p.out = append(binary.AppendUvarint(p.out, uint64(len(p.family))), p.family...)
		}
		p.family = p.family[:0]
	}
	field := metricGauge
	for line := range bytes.Lines(text) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		if help, begins := bytes.CutPrefix(line, []byte("# HELP ")); begins {
			end()
			name, help, _ := bytes.Cut(help, []byte(" "))
			p.family = appendText(appendText(p.family, familyName, string(name)), familyHelp, string(unescape(help)))
			continue
		}
		if bytes.HasPrefix(line, []byte("# TYPE ")) {
			kind := Gauge
			if field = metricGauge; bytes.HasSuffix(line, []byte(" counter")) {
				kind, field = Counter, metricCounter
			}
			p.family = appendVarint(p.family, familyType, protoKinds[kind])
			continue
		}
		space := bytes.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(string(line[space+1:]), 64)
		if err != nil {
			continue
		}
		p.metric = p.metric[:0]
		if begin := bytes.IndexByte(line, '{'); begin >= 0 && begin < space {
			p.labels(line[begin+1 : space-1])
		}
		p.part = appendDouble(p.part[:0], numberValue, value)
		p.metric = appendMessage(p.metric, field, p.part)
		p.family = appendMessage(p.family, familyMetric, p.metric)
	}
	end()
}

// unescape reverses appendHelp.
func unescape(help []byte) []byte {
	if bytes.IndexByte(help, '\\') < 0 {
		return help
	}
	return []byte(helpUnescaper.Replace(string(help)))
}

func zigzag(v int64) uint64 { return uint64(v<<1) ^ uint64(v>>63) }

func appendVarint(dst []byte, field int, v uint64) []byte {
	return binary.AppendUvarint(append(dst, byte(field<<3|varint)), v)
}

func appendDouble(dst []byte, field int, v float64) []byte {
	return binary.LittleEndian.AppendUint64(append(dst, byte(field<<3|fixed64)), math.Float64bits(v))
}

func appendText(dst []byte, field int, text string) []byte {
	return append(binary.AppendUvarint(append(dst, byte(field<<3|delimited)), uint64(len(text))), text...)
}

func appendMessage(dst []byte, field int, message []byte) []byte {
	return append(binary.AppendUvarint(append(dst, byte(field<<3|delimited)), uint64(len(message))), message...)
}

// appendCount appends a count, rounded to a whole number as the protobuf type requires.
func appendCount(dst []byte, field int, v float64) []byte {
	return appendVarint(dst, field, uint64(math.Round(max(v, 0))))
}
