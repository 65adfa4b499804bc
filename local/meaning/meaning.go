// Package meaning is a static embedding model of English: it finds words near one
// another that share no letters. It has a vector for each piece of a word, distilled
// from a sentence transformer (distil.py, NOTICE).
//
// Only the stand-ins on this machine use it. Nothing that is deployed imports it.
package meaning

import (
	_ "embed"
	"encoding/binary"
	"strings"
	"sync"

	"ragtime/shared/words"
)

// Dimensions is the length of a vector.
const Dimensions = 256

// pieceBytes is the size of a piece's vector: a factor of two bytes, then a byte for each dimension.
const pieceBytes = 2 + Dimensions

var (
	//go:embed pieces.txt
	pieces string
	//go:embed vectors.int8
	vectors string
)

// Of returns the vector of a text, which is the sum of its pieces' vectors, shifted
// right. It is not normalised. Its components are whole numbers, the same on every
// machine; all are zero where no piece is known.
//
// known is the share, from 0 to 1, of the text's words that are a piece as a whole.
// It is near 1 in English and much less in any other language.
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

// addVector adds the vector of a piece to sums. It is the inner loop: under the race
// detector it would make tests of servers that embed much text miss their deadlines.
// It shares no memory with other goroutines.
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

// shiftBits returns by how many bits to shift sums to the right, so that the sum of
// their squares is exact in a float64.
func shiftBits(sums []int64) (bits int) {
	const most = 1 << 22 // 256 times its square is below 2^53
	for _, x := range sums {
		for x>>bits >= most || -(x>>bits) >= most {
			bits++
		}
	}
	return bits
}

// vocab maps pieces to their ids: those that a word starts with, and those that
// continue it.
type vocab struct {
	starts        map[string]int32
	continuations map[string]int32
	longest       int // length of the longest piece, in bytes
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

// split returns the ids of a word's pieces. It takes the longest piece that fits, each
// time (WordPiece). It returns nil for a word that the pieces cannot make up.
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
