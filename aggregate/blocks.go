package aggregate

// blocks is the memory for values of an interval that do not fit into cells: samples of timers,
// members of sets, adjustments of gauges. It allocates runs of words, and frees all of them when
// the interval is over.
type blocks struct {
	pages []*blockPage
	used  int // number of words used in the last page
	large [][]uint64
	spare *spare
	// sketches has a sketch for each timer with more than maxSamples samples. The sketch contains the
	// samples after the first maxSamples.
	sketches   []*sketch
	maxSamples int
}

const (
	blockPageWords = 8 << 10
	blockPageShift = 13
)

type blockPage = [blockPageWords]uint64

// spare holds the pages that no interval uses. The shard's lock guards it.
type spare struct{ pages []*blockPage }

// allocate returns the place of a run of words. A run has at most blockPageWords words, with
// undefined content. No run is at place 0.
func (b *blocks) allocate(words int) uint32 {
	if len(b.pages) == 0 || b.used+words > blockPageWords {
		var p *blockPage
		if n := len(b.spare.pages); n > 0 {
			p = b.spare.pages[n-1]
			b.spare.pages = b.spare.pages[:n-1]
		} else {
			p = new(blockPage)
		}
		b.pages = append(b.pages, p)
		b.used = 0
		if len(b.pages) == 1 {
			b.used = 1
		}
	}
	at := uint32((len(b.pages)-1)<<blockPageShift | b.used)
	b.used += words
	return at
}

// at returns the words from a place to the end of the place's page.
func (b *blocks) at(place uint32) []uint64 {
	return b.pages[place>>blockPageShift][place&(blockPageWords-1):]
}

// release frees all runs at the end of an interval. It keeps as many spare pages as this interval has used. So the
// memory of an unusually large interval is freed only after a smaller interval.
func (b *blocks) release() {
	keep := len(b.pages)
	b.spare.pages = append(b.spare.pages, b.pages...)
	if len(b.spare.pages) > keep {
		clear(b.spare.pages[keep:])
		b.spare.pages = b.spare.pages[:keep]
	}
	clear(b.pages)
	b.pages, b.used = b.pages[:0], 0
	b.large, b.sketches = nil, nil
}
