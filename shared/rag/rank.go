package rag

import (
	"cmp"
	"math"
	"slices"

	"ragtime/shared/chunk"
)

// Ranking says by what passages are ordered.
type Ranking string

const (
	Fused      Ranking = "fused"      // by similarity and by the query's words
	Similarity Ranking = "similarity" // by similarity alone
)

// wordsShare is what a passage's words count for in a fused order, of what its
// similarity does. Chosen by measuring with weak and strong embeddings: see
// docs/retrieval.md.
const wordsShare = 1.75

// Okapi BM25's parameters: how soon a repeated word stops to count, and how much
// a long passage loses.
const (
	bm25K1 = 0.7
	bm25B  = 0.6
)

// otherShare is what a passage gains of the best other passage of its document: a
// document that answers a question mostly does so in more than one place.
const otherShare = 0.2

// Rank orders passages that a search found, most similar first, anew: by the sum
// of their similarity and their BM25 score for the query, each in standard
// deviations from its mean over these passages. To that comes a share of the best
// sum of the same document's other passages. It fills in the ranks and the words. Of
// passages with one text, the most similar one stays. The frequency of words is
// counted in these passages alone, so it needs no index and no call.
//
// It is the same for the same input; passages is left as it was.
func Rank(query string, passages []Passage, by Ranking) []Passage {
	out := distinct(passages)
	similarity := make([]float64, len(out))
	for i := range out {
		out[i].SimilarityRank = i + 1
		similarity[i] = out[i].Score
	}
	words := score(query, out)
	for rank, i := range descending(words) {
		if words[i] > 0 {
			out[i].WordRank = rank + 1
		}
	}
	if by == Similarity {
		return out
	}
	standardize(similarity)
	standardize(words)
	sums := make([]float64, len(out))
	for i := range sums {
		sums[i] = similarity[i] + float64(wordsShare*words[i])
	}
	addOthers(sums, out)
	ranked := make([]Passage, 0, len(out))
	for _, i := range descending(sums) {
		ranked = append(ranked, out[i])
	}
	return ranked
}

// addOthers adds to each passage's sum a share of the best other sum of its document, if
// that is above the mean of all passages.
func addOthers(sums []float64, passages []Passage) {
	type best struct{ first, second float64 }
	documents := make(map[string]best, len(passages))
	for i, p := range passages {
		b := documents[p.DocumentID]
		switch x := sums[i]; {
		case x > b.first:
			b = best{x, b.first}
		case x > b.second:
			b.second = x
		}
		documents[p.DocumentID] = b
	}
	for i, p := range passages {
		b := documents[p.DocumentID]
		other := b.first
		if sums[i] == b.first {
			other = b.second
		}
		sums[i] += float64(otherShare * other)
	}
}

// distinct gives a copy without passages whose text was there before, under the
// same headings.
func distinct(passages []Passage) []Passage {
	out := make([]Passage, 0, len(passages))
	seen := make(map[string]bool, len(passages))
	for _, p := range passages {
		if whole := chunk.WithContext(p.Context, p.Text); !seen[whole] {
			seen[whole] = true
			out = append(out, p)
		}
	}
	return out
}

// score gives each passage's BM25 score for the query, and fills in its words.
// Its title and its context are part of it.
func score(query string, passages []Passage) []float64 {
	terms := newTerms(query)
	counts := make([][]int, len(passages))
	lengths := make([]float64, len(passages))
	having := make([]float64, terms.len())
	mean := 0.0
	for i := range passages {
		p := &passages[i]
		counts[i] = make([]int, terms.len())
		lengths[i] = float64(terms.count(p.Title, counts[i]) + terms.count(p.Context, counts[i]) + terms.count(p.Text, counts[i]))
		mean += lengths[i] / float64(len(passages))
		for t, n := range counts[i] {
			if n > 0 {
				having[t]++
			}
		}
		p.Words = terms.found(counts[i])
	}
	scores := make([]float64, len(passages))
	for t, n := range having {
		// How rare the term is, as Lucene has it: never below zero.
		rare := math.Log(1 + (float64(len(passages))-n+0.5)/(n+0.5))
		for i := range passages {
			if often := float64(counts[i][t]); often > 0 {
				scores[i] += terms.weights[t] * rare * often * (bm25K1 + 1) / (often + bm25K1*(1-bm25B+bm25B*lengths[i]/mean))
			}
		}
	}
	return scores
}

// standardize makes values of mean 0 and standard deviation 1; equal ones all 0.
func standardize(values []float64) {
	n := float64(len(values))
	mean := 0.0
	for _, v := range values {
		mean += v / n
	}
	variance := 0.0
	for _, v := range values {
		variance += (v - mean) * (v - mean) / n
	}
	const none = 1e-12 // what is left of equal values is rounding
	for i := range values {
		if values[i] -= mean; variance < none {
			values[i] = 0
		} else {
			values[i] /= math.Sqrt(variance)
		}
	}
}

// descending gives the values' places, the greatest value's first; equal ones in
// the order they have.
func descending(values []float64) []int {
	places := make([]int, len(values))
	for i := range places {
		places[i] = i
	}
	slices.SortStableFunc(places, func(a, b int) int { return cmp.Compare(values[b], values[a]) })
	return places
}
