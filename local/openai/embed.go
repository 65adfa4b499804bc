package openai

import (
	"hash/fnv"
	"math"
	"strings"
	"unicode"
)

// The weights of the kinds of features: a shared word says most, a shared piece
// of a word covers what stemming does not, a shared pair of words is rare.
const (
	wordWeight = 1.0
	pairWeight = 0.3
	gramWeight = 0.25
	// commonWeight is what a common word's features count, of what a rare one's do.
	commonWeight = 0.3
	// scale makes whole numbers of weights. Sums of whole numbers, and of their
	// squares, are exact, so neither the order of features nor a processor that
	// fuses multiplication and addition changes a vector.
	scale = 1 << 12
)

// stopWords are English words that nearly every text has; they count nothing.
var stopWords = func() map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq(`a about above after again all also am an and any are as at be because been before
		being below between both but by can cannot could did do does doing down during each every few for from further get
		gets got had has have having he her here hers him his how i if in into is it its just keep let like made make many
		may me more most much must my need needs no nor not now of off on once one only or other our out over own put same
		see she should so some such take than that the their them then there these they this those through to too under
		until up us use used want was way we were what when where which while who whose whom why will with without would
		yes you your yours re ve ll im dont doesnt isnt cant ive d s t m am's long soon still even someone something anyone
		anything thing things happens happen tell go going come say says know`) {
		out[w] = true
	}
	return out
}()

// commonWords are further words that English uses everywhere: the commonest
// nouns, verbs and adjectives. A text tells little of its subject by them.
var commonWords = func() map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq(`time year people day man woman life child world school state family group country
		problem hand part place case week company system program question work number night point home water room area
		money story fact month lot right book eye job word business issue side kind head house service friend power hour
		line end member name team minute idea body information back face level office door person history result change
		morning reason moment find give call try ask feel become leave mean begin seem help talk turn start show hear run
		move live believe hold bring write provide sit stand lose pay meet include continue set learn lead understand
		watch follow stop create speak read allow add spend grow open walk offer remember consider appear buy wait serve
		send expect build stay fall cut reach remain good new first last great little old big high different small large
		next early young important able bad best better two three four five many each every another often always never
		sometimes really today away far near around without within against since until while though cost whole full
		sure fine okay please thank thanks look think want left late later ago enough else both either cover plan`) {
		out[stem(w)] = true
	}
	return out
}()

// Embed gives a text's embedding: a vector of unit length, the same on every
// machine. Features (words, pairs of words, character n-grams) are hashed to
// places with a sign; a feature that occurs often counts sublinearly.
func Embed(text string, dimensions int) []float32 {
	counts := map[uint64]float64{}
	weights := map[uint64]float64{}
	add := func(weight float64, kind, a, b string) {
		h := fnv.New64a()
		h.Write([]byte(kind + "\x00" + a + "\x00" + b))
		key := h.Sum64()
		counts[key]++
		weights[key] = max(weights[key], weight)
	}
	previous := ""
	for _, w := range words(text) {
		if stopWords[w] {
			continue
		}
		stemmed := stem(w)
		weight := 1.0
		if commonWords[stemmed] {
			weight = commonWeight
		}
		add(weight*wordWeight, "word", stemmed, "")
		if previous != "" {
			add(weight*pairWeight, "pair", previous, stemmed)
		}
		previous = stemmed
		marked := []rune("<" + w + ">")
		for n := 3; n <= 5; n++ {
			for i := 0; i+n <= len(marked) && len(marked) > n; i++ {
				add(weight*gramWeight/math.Sqrt(float64(len(marked))), "gram", string(marked[i:i+n]), "")
			}
		}
	}
	sums := make([]float64, dimensions)
	for k, n := range counts {
		x := math.Round(weights[k] * (1 + math.Log(n)) * scale)
		k = mix(k)
		if k>>63 == 1 {
			x = -x
		}
		sums[k%uint64(dimensions)] += x
	}
	return unit(sums)
}

// mix spreads the bits of a hash (the finalizer of MurmurHash3): FNV's high
// bits depend little on a text's last bytes.
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// unit scales to length 1. A text without features gets the first axis: OpenAI
// never answers with a zero vector.
func unit(sums []float64) []float32 {
	square := 0.0
	for _, x := range sums {
		square += x * x
	}
	if square == 0 {
		sums[0], square = 1, 1
	}
	out := make([]float32, len(sums))
	for i, x := range sums {
		out[i] = float32(x / math.Sqrt(square))
	}
	return out
}

// words are the text's runs of letters and digits, in lower case; apostrophes
// fall out, so that don't is dont.
func words(text string) []string {
	text = strings.NewReplacer("'", "", "\u2019", "").Replace(strings.ToLower(text))
	return strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// stem takes the commonest English endings off, so that appeals meets appeal.
func stem(w string) string {
	for _, ending := range []struct{ from, to string }{
		{"ies", "y"}, {"sses", "ss"}, {"ing", ""}, {"ied", "y"}, {"ed", ""}, {"es", ""}, {"s", ""},
	} {
		if base, ok := strings.CutSuffix(w, ending.from); ok && len(base) >= 3 && !strings.HasSuffix(w, "ss") {
			w = base + ending.to
			break
		}
	}
	if n := len(w); n > 3 && w[n-1] == w[n-2] && strings.IndexByte("bdgmnprt", w[n-1]) >= 0 {
		w = w[:n-1]
	}
	return strings.TrimSuffix(w, "e")
}
