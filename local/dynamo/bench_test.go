package dynamo

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

const embeddingSize = 1536

func randomVector() []float32 {
	v := make([]float32, embeddingSize)
	for i := range v {
		v[i] = float32(rand.NormFloat64()) / 39
	}
	return v
}

// BenchmarkSearch20k is one search among 20,000 embeddings of one tenant, in
// memory; the aim is at most 60 ms on two cores.
func BenchmarkSearch20k(b *testing.B) {
	x := newVectorIndex(&vectorDefinition{Dimensions: embeddingSize, DistanceFunction: "COSINE"})
	for i := range 20_000 {
		x.put(itemKey{"t", strconv.Itoa(i)}, entry{vector: randomVector()})
	}
	query := randomVector()
	for b.Loop() {
		if found, _ := x.nearest(query, "", nil, 10); len(found) != 10 {
			b.Fatal("too few found")
		}
	}
}

// batchBody is a BatchWriteItem of 25 chunks with embeddings.
func batchBody(round int) string {
	var s strings.Builder
	s.WriteString(`{"RequestItems":{"items":[`)
	for i := range 25 {
		if i > 0 {
			s.WriteByte(',')
		}
		fmt.Fprintf(&s, `{"PutRequest":{"Item":{"pk":{"S":"a"},"sk":{"S":"%d-%d"},"doc":{"S":"d"},"text":{"S":"%s"},"embedding":{"L":[`,
			round, i, strings.Repeat("some text of a chunk ", 80))
		for j, f := range randomVector() {
			if j > 0 {
				s.WriteByte(',')
			}
			s.WriteString(`{"N":"` + strconv.FormatFloat(float64(f), 'g', -1, 32) + `"}`)
		}
		s.WriteString(`]}}}}`)
	}
	s.WriteString(`]}}`)
	return s.String()
}

// BenchmarkBatchWrite is one BatchWriteItem of 25 chunks, from its body to its
// commit; the aim is well under 50 ms.
func BenchmarkBatchWrite(b *testing.B) {
	db := open(b, b.TempDir())
	create(b, serve(b, db), vectorTable("items", embeddingSize, allProjected))
	bodies := make([]string, 8)
	for i := range bodies {
		bodies[i] = batchBody(i)
	}
	b.SetBytes(int64(len(bodies[0])))
	n := 0
	for b.Loop() {
		if _, err := db.batchWriteItem(b.Context(), bodies[n%len(bodies)]); err != nil {
			b.Fatal(err)
		}
		n++
	}
}

// BenchmarkOpen20k is the start with 20,000 embeddings stored.
func BenchmarkOpen20k(b *testing.B) {
	dir := b.TempDir()
	db, err := Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	create(b, serve(b, db), vectorTable("items", embeddingSize, allProjected))
	for i := range 800 {
		if _, err := db.batchWriteItem(b.Context(), batchBody(i)); err != nil {
			b.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		db, err := Open(dir)
		if err != nil {
			b.Fatal(err)
		}
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
