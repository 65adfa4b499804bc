package openai

import (
	"maps"
	"math"
	"slices"
	"strings"

	"ragtime/local/meaning"
	"ragtime/shared/words"
)

// How statements are compared with a question. The shares and the limits were chosen
// by measuring (TestSamplesAreAnswered, TestUnknownIsSaid).
const (
	// meaningLikeness is the share of meaning in the likeness of two English texts; the
	// rest is their words. It is meaningShare of Embed, for sentences.
	meaningLikeness = 0.9
	// aboutShare is the share of a statement's surroundings in its likeness.
	aboutShare = 0.75
	// termsShare is the share in a score of the question's terms that the statement
	// has; the rest is likeness.
	termsShare = 0.4
	// nearTerm is the part of its weight that a term has if only the surroundings have it.
	nearTerm = 0.5
	// leastScore is the least score of an answer's first statement. The least of the
	// samples' answers is 0.2; what they do not answer has 0.1.
	leastScore = 0.14
	// nextScore is the least score of an answer's other statements, as a share of the
	// first one's.
	nextScore = 0.75
	// repeatFactor lowers the score of a statement whose passage is cited already.
	repeatFactor   = 0.8
	mostStatements = 3
)

// bestStatements returns the indexes of the one to three statements that match the
// question best, best first; none if nothing matches.
func bestStatements(question string, all []statement) (out []int) {
	scores := scoreStatements(question, all)
	least := leastScore
	cited := map[int]bool{}
	for len(out) < mostStatements {
		next := -1
		for i := range all {
			if slices.Contains(out, i) {
				continue
			}
			s := scores[i]
			if cited[all[i].passage] {
				s *= repeatFactor
			}
			if s > least {
				next = i
				least = s
			}
		}
		if next < 0 {
			break
		}
		out = append(out, next)
		cited[all[next].passage] = true
		least = nextScore * scores[out[0]]
	}
	return out
}

// scoreStatements returns how well each statement answers a question, from 0 to 1.
func scoreStatements(question string, all []statement) []float64 {
	asked := slices.Sorted(maps.Keys(terms(question)))
	said := make([]map[string]bool, len(all))   // the terms of each statement
	around := make([]map[string]bool, len(all)) // the terms of its surroundings
	for i, s := range all {
		said[i] = terms(s.text)
		around[i] = terms(s.about)
	}
	// A term's weight comes from its length, and from how few statements have it (BM25's idf).
	weights := make([]float64, len(asked))
	sum := 0.0
	for t, term := range asked {
		n := 0.0
		for i := range all {
			if around[i][term] {
				n++
			}
		}
		weights[t] = math.Sqrt(termWeight(term)) * math.Log(1+(float64(len(all))-n+0.5)/(n+0.5))
		sum += weights[t]
	}
	wanted := represent(question)
	out := make([]float64, len(all))
	for i, s := range all {
		shared := 0.0
		for t, term := range asked {
			switch {
			case said[i][term]:
				shared += weights[t]
			case around[i][term]:
				shared += nearTerm * weights[t]
			}
		}
		if sum > 0 {
			shared /= sum
		}
		like := (1-aboutShare)*wanted.similarity(represent(s.text)) + aboutShare*wanted.similarity(represent(s.about))
		out[i] = termsShare*shared + (1-termsShare)*like
	}
	return out
}

// terms returns the set of a text's terms.
func terms(text string) map[string]bool {
	out := map[string]bool{}
	for t := range words.Terms(text) {
		out[string(t)] = true
	}
	return out
}

// termWeight returns the weight of a term, by its length, from 0 to 1. A number or a
// code, such as R22, weighs 1.
func termWeight(term string) float64 {
	if strings.ContainsAny(term, "0123456789") {
		return 1
	}
	return wordWeight([]byte(term))
}

// representation is a text in the form in which it is compared with another. Both
// vectors have unit length, or are zero.
type representation struct {
	words   []float64 // the features at their places
	meaning []float64
	share   float64 // of meaning, in the similarity to an equally well known text
}

// wordPlaces is so large that features of a sentence seldom share a place.
const wordPlaces = 2048

func represent(text string) representation {
	f := features{}
	f.add(text)
	l := representation{words: f.sumAtPlaces(wordPlaces)}
	var known float64
	l.meaning, known = meaning.Of(text)
	l.share = meaningLikeness * known * known
	scaleTo(l.words, 1)
	scaleTo(l.meaning, 1)
	return l
}

// similarity returns the cosine of both vectors together, from -1 to 1.
func (l representation) similarity(other representation) float64 {
	words := math.Sqrt((1-l.share)*(1-other.share)) * dotProduct(l.words, other.words)
	meaning := math.Sqrt(l.share*other.share) * dotProduct(l.meaning, other.meaning)
	return words + meaning
}

func dotProduct(a, b []float64) float64 {
	sum := 0.0
	for i, x := range a {
		sum += float64(x * b[i])
	}
	return sum
}
