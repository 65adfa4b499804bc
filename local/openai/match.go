package openai

import (
	"maps"
	"math"
	"slices"
	"strings"

	"ragtime/local/meaning"
	"ragtime/shared/words"
)

// How statements are compared with a question. The shares and the limits are
// chosen by measuring (TestSamplesAreAnswered, TestUnknownIsSaid).
const (
	meaningLikeness = 0.9  // of a likeness, what texts mean, in English; the rest is their words, as in Embed
	aboutShare      = 0.75 // of a statement's likeness, its surroundings'
	termsShare      = 0.4  // of a score, the question's terms that the statement has; the rest is likeness
	nearTerm        = 0.5  // of a term's weight, where only the surroundings have it
	leastScore      = 0.14 // of an answer's first statement: the samples' least is 0.2, of what they do not say 0.1
	nextScore       = 0.75 // of an answer's other statements, as a share of the first one's
	repeatFactor    = 0.8  // of the score of a statement whose passage is cited already
	mostStatements  = 3
)

// bestStatements gives the indexes of the one to three statements that match the question
// best, best first; none where nothing matches.
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
				next, least = i, s
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

// scoreStatements says how well each statement answers a question, from 0 to 1.
func scoreStatements(question string, all []statement) []float64 {
	asked := slices.Sorted(maps.Keys(terms(question)))
	said := make([]map[string]bool, len(all))
	around := make([]map[string]bool, len(all))
	for i, s := range all {
		said[i], around[i] = terms(s.text), terms(s.about)
	}
	// A term weighs by its length, and by how few statements have it: BM25's idf.
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

// terms are the different terms of a text.
func terms(text string) map[string]bool {
	out := map[string]bool{}
	for t := range words.Terms(text) {
		out[string(t)] = true
	}
	return out
}

// termWeight is a word's by its length; a number or a code, such as R22, weighs as
// a long word.
func termWeight(term string) float64 {
	if strings.ContainsAny(term, "0123456789") {
		return 1
	}
	return wordWeight([]byte(term))
}

// representation is what two texts are compared by.
type representation struct {
	words   []float64 // features, hashed
	meaning []float64
	share   float64 // that the meaning has of a likeness to a text that is known alike
}

// enough places that features of a sentence seldom meet.
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

// similarity is the cosine of the two together.
func (l representation) similarity(other representation) float64 {
	return math.Sqrt((1-l.share)*(1-other.share))*dotProduct(l.words, other.words) + math.Sqrt(l.share*other.share)*dotProduct(l.meaning, other.meaning)
}

func dotProduct(a, b []float64) float64 {
	sum := 0.0
	for i, x := range a {
		sum += float64(x * b[i])
	}
	return sum
}
