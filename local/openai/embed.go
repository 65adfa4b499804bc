package openai

import (
	"math"
	"unicode/utf8"

	"ragtime/local/meaning"
	"ragtime/shared/words"
)

// The weights of the kinds of features. They were chosen by measuring: docs/retrieval.md.
const (
	pairWeight = 0.3 // two words beside one another
	gramWeight = 1   // a piece of a word, before it is divided among the word's pieces
	// shortWord is the length, in characters, at which a word weighs 63 % of a long
	// one. In every language the frequent words are short (Zipf's law of abbreviation),
	// so no language needs a list of them.
	shortWord = 5
	// meaningShare is the share of meaning in the similarity of two texts, if package
	// meaning knows all their words. It knows English. In other languages the share
	// falls with the square of the share of words that it knows.
	meaningShare = 0.7
	// scale makes weights whole numbers. Sums of whole numbers, and of their squares,
	// are exact. So a vector depends neither on the order of features nor on whether the
	// processor fuses multiplication and addition.
	scale = 1 << 12
)

// Embed returns the embedding of a text: a vector of unit length with the given number
// of dimensions, the same on every machine.
//
// Features are words, pairs of words, pieces of words, and pairs of characters where a
// script has no spaces. Each is hashed to a place and a sign, and counts sublinearly
// with its number. The words' meanings are added in the last places.
func Embed(text string, dimensions int) []float32 {
	f := features{}
	f.add(text)
	sums := f.sumAtPlaces(dimensions)
	means, known := meaning.Of(text)
	means = means[:min(len(means), dimensions/2)]
	share := meaningShare * known * known
	if sumOfSquares(sums) == 0 {
		share = 1
	}
	scaleTo(sums, math.Sqrt(1-share))
	scaleTo(means, math.Sqrt(share))
	for i, x := range means {
		sums[dimensions-len(means)+i] += x
	}
	if sumOfSquares(sums) == 0 {
		sums[0] = 1 // no features: OpenAI never answers with a zero vector
	}
	scaleTo(sums, 1)
	out := make([]float32, dimensions)
	for i, x := range sums {
		out[i] = float32(x)
	}
	return out
}

// features are the features of a text, by their hash.
type features map[uint64]feature

type feature struct {
	count  int
	weight float64 // the greatest of its occurrences
}

// Kinds of features. A word and a piece of a word with the same letters have different hashes.
const (
	wordKind = 'w'
	pairKind = 'p'
	gramKind = 'g'
)

func (f features) add(text string) {
	var before uint64 // the hash of the word before; 0 if none
	var beforeWeight float64
	for run := range words.Runs(text) {
		if run.Unspaced {
			f.addDense(run.Text)
			before = 0
			continue
		}
		h := hash(wordKind, run.Text)
		weight := wordWeight(run.Text)
		f.count(h, weight)
		if before != 0 {
			f.count(mix(before)+h, pairWeight*math.Sqrt(weight*beforeWeight))
		}
		before = h
		beforeWeight = weight
		f.addGrams(run.Text, weight)
	}
}

// addDense adds the features of a run of characters without spaces.
func (f features) addDense(run []byte) {
	for pair := range words.Pairs(run) {
		f.count(hash(pairKind, pair), 1)
	}
	for i := 0; i < len(run); {
		_, n := utf8.DecodeRune(run[i:])
		f.count(hash(gramKind, run[i:i+n]), 1)
		i += n
	}
}

// addGrams adds the pieces of a word of 3 to 5 characters, its ends marked. Words of one
// stem share pieces.
func (f features) addGrams(word []byte, weight float64) {
	marked := make([]byte, 0, 32)
	marked = append(marked, '<')
	marked = append(marked, word...)
	marked = append(marked, '>')
	starts := make([]int, 0, 32)
	for i := range string(marked) {
		starts = append(starts, i)
	}
	length := len(starts)
	starts = append(starts, len(marked))
	weight *= gramWeight / math.Sqrt(float64(length))
	for n := 3; n <= 5 && n < length; n++ {
		for i := 0; i+n <= length; i++ {
			f.count(hash(gramKind, marked[starts[i]:starts[i+n]]), weight)
		}
	}
}

func (f features) count(h uint64, weight float64) {
	was := f[h]
	f[h] = feature{was.count + 1, max(was.weight, weight)}
}

// wordWeight returns the weight of a word, by its length, from 0 to 1. A number weighs 1.
func wordWeight(word []byte) float64 {
	if c := word[0]; '0' <= c && c <= '9' {
		return 1
	}
	n := float64(utf8.RuneCount(word)) / shortWord
	return 1 - math.Exp(-n*n)
}

// sumAtPlaces returns a vector of the features' weights, summed up at their places.
func (f features) sumAtPlaces(dimensions int) []float64 {
	sums := make([]float64, dimensions)
	for h, seen := range f {
		x := math.Round(seen.weight * (1 + math.Log(float64(seen.count))) * scale)
		h = mix(h)
		if h>>63 == 1 {
			x = -x
		}
		sums[h%uint64(dimensions)] += x
	}
	return sums
}

// hash returns the FNV-1a hash of a feature.
func hash(kind byte, text []byte) uint64 {
	const (
		offset = 14695981039346656037
		prime  = 1099511628211
	)
	h := (uint64(offset) ^ uint64(kind)) * prime
	for _, c := range text {
		h = (h ^ uint64(c)) * prime
	}
	return h
}

// mix spreads the bits of a hash (the finalizer of MurmurHash3), since FNV's high bits
// depend little on the last bytes of a text.
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// sumOfSquares adds up the squares of v. The conversion keeps processors from fusing
// multiplication and addition, which would round once less.
func sumOfSquares(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x * x)
	}
	return sum
}

// scaleTo scales a vector to a length. A zero vector stays.
func scaleTo(v []float64, length float64) {
	was := math.Sqrt(sumOfSquares(v))
	if was == 0 {
		return
	}
	for i := range v {
		v[i] = v[i] / was * length
	}
}
