package prometheus

import (
	"io"
	"math"
	"strconv"

	"github.com/klauspost/compress/gzip"
)

// writeBlock is the approximate number of bytes per write to the client.
const writeBlock = 64 << 10

// write writes the page in the text format 0.0.4.
func (v *view) write(w io.Writer) error {
	p := page{view: v, w: w, text: make([]byte, 0, writeBlock+maxLabels)}
	p.text = append(p.text, v.own...)
	for _, f := range v.families {
		p.head(f)
		for i := range f.entries {
			p.entry(f, &f.entries[i])
			if len(p.text) >= writeBlock {
				if _, err := w.Write(p.text); err != nil {
					return err
				}
				p.text = p.text[:0]
			}
		}
	}
	_, err := w.Write(p.text)
	return err
}

// compressed returns the gzip-compressed page. The page is compressed only once. size is the size of the
// previous page. It sets how much memory is allocated at first. yield is called before each block of the page.
func (v *view) compressed(proto bool, size int, yield func()) []byte {
	z, write := &v.text, v.write
	if proto {
		z, write = &v.proto, v.writeProto
	}
	z.once.Do(func() {
		b := make(buffer, 0, size+size/16)
		w, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed) // NewWriterLevel fails only for an invalid level
		_ = write(yielding{w, yield})                   // a write to a buffer never fails
		_ = w.Close()
		z.body = b
	})
	return z.body
}

// yielding calls yield before each write.
type yielding struct {
	io.Writer
	yield func()
}

func (y yielding) Write(p []byte) (int, error) {
	y.yield()
	return y.Writer.Write(p)
}

type buffer []byte

func (b *buffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

// page writes a view as text to w. The field text contains the bytes that are not yet written to w.
type page struct {
	*view
	w    io.Writer
	text []byte
}

// head appends the lines # HELP and # TYPE.
func (p *page) head(f *familyView) {
	b := append(append(append(p.text, "# HELP "...), f.name...), ' ')
	b = append(append(append(b, f.escaped...), "\n# TYPE "...), f.name...)
	p.text = append(append(append(b, ' '), f.kind.String()...), '\n')
}

func (p *page) entry(f *familyView, e *entry) {
	labels := textOf(p.pages, e.labels)
	at := e.slot & (chunkSize - 1)
	values := p.chunks[e.slot>>chunkShift][at : at+uint32(f.width())]
	switch f.kind {
	case Summary:
		for i, key := range f.keys {
			p.sample(f.name, "", labels, `quantile="`, key, values[2+i])
		}
		p.sample(f.name, sumSuffix, labels, "", "", values[0])
		p.sample(f.name, countSuffix, labels, "", "", values[1])
	case Histogram:
		count := 0.0
		for i, key := range f.keys {
			count += values[1+i]
			p.sample(f.name, bucketSuffix, labels, `le="`, key, count)
		}
		p.sample(f.name, sumSuffix, labels, "", "", values[0])
		p.sample(f.name, countSuffix, labels, "", "", count)
	default:
		p.sample(f.name, "", labels, "", "", values[0])
	}
}

// sample appends a sample line. label and key are the le or quantile label, which comes after the other labels.
func (p *page) sample(name, suffix string, labels []byte, label, key string, value float64) {
	b := append(append(p.text, name...), suffix...)
	if len(labels)+len(key) > 0 {
		b = append(append(b, '{'), labels...)
		if key != "" {
			if len(labels) > 0 {
				b = append(b, ',')
			}
			b = append(append(append(b, label...), key...), '"')
		}
		b = append(b, '}')
	}
	p.text = append(appendNumber(append(b, ' '), value), '\n')
}

// appendNumber appends a number in the format that Prometheus parses.
func appendNumber(dst []byte, v float64) []byte {
	const exact = 1e15
	switch {
	case v > -exact && v < exact && v == math.Trunc(v):
		return strconv.AppendInt(dst, int64(v), 10)
	case math.IsNaN(v):
		return append(dst, "NaN"...)
	case math.IsInf(v, 0):
		if v < 0 {
			return append(dst, "-Inf"...)
		}
		return append(dst, "+Inf"...)
	}
	return strconv.AppendFloat(dst, v, 'g', -1, 64)
}
