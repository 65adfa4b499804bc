// Package meaning knows what English words mean: which are near one another,
// though they share no letters. It is a static embedding model, a vector a
// piece of a word, distilled from a sentence transformer (distil.py, NOTICE).
//
// It is for the stand-ins of this machine; nothing that is deployed imports it.
package meaning

import (
	_ "embed"
	"encoding/binary"
	"strings"
	"sync"

	"ragtime/shared/words"
)

// Dimensions of a vector.
const Dimensions = 256

// pieceBytes is a piece's place in the vectors: a factor, then a byte a dimension.
const pieceBytes = 2 + Dimensions

var (
	//go:embed pieces.txt
	pieces string
	//go:embed vectors.int8
	vectors string
)

// Of gives the mean of a text's pieces, not normalised (whole numbers, the same
// on every machine; zeros where no piece is known), and the share of the text's
// words that are pieces as a whole: near 1 in English, much less in any other
// language.
func Of(text string) (mean []float64, known float64) {
	sums := make([]int64, Dimensions)
	v := vocabulary()
	all, whole := 0, 0
	for run := range words.Runs(text) {
		if run.Unspaced {
			for _, c := range string(run.Text) {
				all++
				if id, ok := v.starts[string(c)]; ok {
					addVector(sums, id)
				}
			}
			continue
		}
		all++
		ids := v.split(run.Text)
		for _, id := range ids {
			addVector(sums, id)
		}
		if len(ids) == 1 && len(run.Text) > 1 {
			whole++
		}
	}
	mean = make([]float64, Dimensions)
	shrink := shiftBits(sums)
	for i, x := range sums {
		mean[i] = float64(x >> shrink)
	}
	return mean, float64(whole) / float64(max(1, all))
}

// addVector is the inner loop; it shares nothing, and takes the race detector's tests of
// servers that embed much text beyond their deadlines if it looks on.
//
//go:norace
func addVector(sums []int64, id int32) {
	v := vectors[int(id)*pieceBytes:][:pieceBytes]
	factor := int64(binary.LittleEndian.Uint16([]byte(v[:2])))
	v = v[2:]
	for i := range sums {
		sums[i] += factor * int64(int8(v[i]))
	}
}

// shiftBits is by how many bits sums are made smaller, so that sums of their squares
// are exact in a float64.
func shiftBits(sums []int64) (bits int) {
	const most = 1 << 22 // its square, 256 times, is below 2^53
	for _, x := range sums {
		for x>>bits >= most || -(x>>bits) >= most {
			bits++
		}
	}
	return bits
}

// vocab has the pieces that a word starts with, and those that carry it on.
type vocab struct {
	starts, continuations map[string]int32
	longest               int // bytes
}

var vocabulary = sync.OnceValue(func() vocab {
	v := vocab{starts: map[string]int32{}, continuations: map[string]int32{}}
	id := int32(0)
	for line := range strings.Lines(pieces) {
		piece := strings.TrimSuffix(line, "\n")
		v.longest = max(v.longest, len(piece))
		if rest, ok := strings.CutPrefix(piece, "##"); ok {
			v.continuations[rest] = id
		} else {
			v.starts[piece] = id
		}
		id++
	}
	return v
})

// split cuts a word into pieces, the longest first each time (WordPiece); a word
// that they cannot make has none.
func (v vocab) split(word []byte) (ids []int32) {
	from := v.starts
	for len(word) > 0 {
		n := min(len(word), v.longest)
		id, ok := from[string(word[:n])]
		for !ok && n > 1 {
			n--
			id, ok = from[string(word[:n])]
		}
		if !ok {
			return nil
		}
		ids = append(ids, id)
		word = word[n:]
		from = v.continuations
	}
	return ids
}
