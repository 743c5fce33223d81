package aggregate

// blocks is the memory of what a flush interval collects besides its cells:
// the samples of timers, the members of sets, the adjustments of gauges. It
// hands out runs of words, and takes them back all at once when the interval
// is over.
type blocks struct {
	pages []*blockPage
	used  int // words of the last page
	large [][]uint64
	spare *spare
	// sketches take the samples of timers that have more than maxSamples.
	sketches   []*sketch
	maxSamples int
}

const (
	blockPageWords = 8 << 10
	blockPageShift = 13
)

type blockPage = [blockPageWords]uint64

// spare are pages that no interval uses at present. The shard's lock guards them.
type spare struct{ pages []*blockPage }

// allocate returns the place of a run of words, which hold anything. There may
// be at most blockPageWords of them, and no run is at 0.
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

// at returns the words from a place to its page's end.
func (b *blocks) at(place uint32) []uint64 {
	return b.pages[place>>blockPageShift][place&(blockPageWords-1):]
}

// release takes everything back. Of the spare pages as many stay as the
// interval just over has used, so that a flood is not remembered for ever.
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
