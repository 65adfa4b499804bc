package dynamo

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"ragtime/shared/fault"
	"ragtime/shared/filter"
	"ragtime/shared/rag"
)

const (
	// maxTopK is the most that one vector search gives.
	maxTopK = 100
	// searchRounds is how often a search asks again because chunks that no longer
	// count took the places of those that do.
	searchRounds = 4
	// repairsPerRound is how many documents a round repairs.
	repairsPerRound = 8
)

// Search implements rag.Searcher. It asks the index for more than k, since some
// results may be chunks that do not count. Where fewer than least are left it
// deletes those, which a killed put left, and asks again. What counts is in the
// document items: where these cannot be read, the passages come with the error.
func (t *Table) Search(ctx context.Context, tenant string, v []float32, k, least int, f filter.Filter) (rag.Found, error) {
	if err := t.checkSpace(ctx); err != nil {
		return rag.Found{}, err
	}
	want := min(maxTopK, k+k/2+5)
	// What the index does not compare, and more than it gives may hold.
	_, compares := f.Inline(t.inline)
	if compares {
		want = maxTopK
	}
	met := map[string]bool{} // the documents whose left-overs were in the way
	for round := 1; ; round++ {
		found, err := t.nearest(ctx, tenant, v, want, f)
		if err != nil {
			return rag.Found{}, err
		}
		states, err := t.states(ctx, tenant, found)
		if err != nil {
			if compares { // the filter's answer is in what could not be read
				return rag.Found{}, err
			}
			return rag.Found{Passages: unread(found[:min(k, len(found))])}, err
		}
		passages, hidden, leftOver := counting(found, states, f)
		for id := range leftOver {
			met[id] = true
		}
		full := len(found) == want && want == maxTopK // the index may have more
		enough := len(passages) >= min(k, least) || len(found) < want
		done := enough || full && (len(leftOver) == 0 || round == searchRounds || short(ctx))
		t.repairSome(ctx, tenant, leftOver)
		if done {
			return rag.Found{Passages: passages[:min(k, len(passages))], Stale: len(met),
				Incomplete: len(passages) < least && full && (hidden || compares)}, nil
		}
		want = maxTopK
	}
}

// nearest is one vector search.
func (t *Table) nearest(ctx context.Context, tenant string, v []float32, k int, f filter.Filter) ([]types.SearchResultItem, error) {
	in := &dynamodb.SearchVectorsInput{
		TableName: &t.name, IndexName: aws.String(Index), SearchVector: numbers(v), TopK: aws.Int32(int32(k)),
		SearchConditionExpression: aws.String("#tenant = :tenant"),
		ProjectionExpression:      aws.String("#document_id, #version, #n, #text, #context"),
		ExpressionAttributeNames: map[string]string{"#tenant": "tenant", "#document_id": "document_id",
			"#version": "version", "#n": "n", "#text": "text", "#context": "context"},
		ExpressionAttributeValues: item{":tenant": str(tenant)},
	}
	if f.DocumentID != "" {
		*in.SearchConditionExpression += " AND #document_id = :document_id"
		in.ExpressionAttributeValues[":document_id"] = str(f.DocumentID)
	}
	if f.Collection != "" {
		*in.SearchConditionExpression += " AND #collection = :collection"
		in.ExpressionAttributeNames["#collection"] = "collection"
		in.ExpressionAttributeValues[":collection"] = str(f.Collection)
	}
	values, _ := f.Inline(t.inline)
	*in.SearchConditionExpression += t.inline.condition(values, in.ExpressionAttributeNames, in.ExpressionAttributeValues)
	out, err := call(ctx, t.searches, func(ctx context.Context) (*dynamodb.SearchVectorsOutput, error) {
		out, err := t.client.SearchVectors(ctx, in)
		if err == nil && out.SearchResults == nil {
			err = unbelievable("search results")
		}
		return out, err
	})
	if err != nil {
		return nil, err
	}
	return out.SearchResults, nil
}

// states reads the document items of what was found: at most maxTopK, which one
// BatchGetItem takes.
func (t *Table) states(ctx context.Context, tenant string, found []types.SearchResultItem) (map[string]state, error) {
	states := map[string]state{}
	for _, r := range found {
		states[text(r.Item, "document_id")] = state{}
	}
	if len(states) == 0 {
		return states, nil
	}
	var keys []item
	for id := range states {
		keys = append(keys, documentKey(tenant, id))
	}
	items, err := t.get(ctx, keys)
	for _, i := range items {
		states[text(i, "document_id")] = state{i}
	}
	return states, err
}

// counting makes passages of the chunks found that are current and whose document
// matches, most similar first. hidden says that some are not current.
// leftOver are the documents of which that is no put under way: a repair helps.
func counting(found []types.SearchResultItem, states map[string]state, f filter.Filter) (passages []rag.Passage, hidden bool, leftOver map[string]state) {
	passages, leftOver = []rag.Passage{}, map[string]state{}
	now := time.Now()
	documents := map[string]rag.Document{}
	for _, r := range found {
		id := text(r.Item, "document_id")
		if v := states[id].of(text(r.Item, "version"), now); v != current {
			hidden = true
			if v == dead || len(states[id].lapsed(now)) > 0 {
				leftOver[id] = states[id]
			}
			continue
		}
		d, ok := documents[id]
		if !ok {
			d = document(states[id].item)
			documents[id] = d
		}
		if !f.Match(d.Metadata) {
			continue
		}
		p := passage(r)
		p.Title = d.Title
		p.Metadata = d.Metadata
		passages = append(passages, p)
	}
	slices.SortStableFunc(passages, func(a, b rag.Passage) int { return cmp.Compare(b.Score, a.Score) })
	return passages, hidden, leftOver
}

// unread makes passages of the chunks found without their documents. Of several
// versions of a document it takes the latest.
func unread(found []types.SearchResultItem) []rag.Passage {
	latest := map[string]string{}
	for _, r := range found {
		id := text(r.Item, "document_id")
		latest[id] = max(latest[id], text(r.Item, "version"))
	}
	var passages []rag.Passage
	for _, r := range found {
		if text(r.Item, "version") == latest[text(r.Item, "document_id")] {
			passages = append(passages, passage(r))
		}
	}
	return passages
}

// passage is what the index tells of a chunk.
func passage(r types.SearchResultItem) rag.Passage {
	return rag.Passage{
		DocumentID: text(r.Item, "document_id"),
		Chunk:      int(integer(r.Item, "n")),
		Text:       text(r.Item, "text"),
		Context:    text(r.Item, "context"),
		Score:      max(-1, min(1, 1-r.Score)),
	}
}

// repairSome repairs documents whose left-overs were in a search's way, in an eighth
// of the time left at the most.
func (t *Table) repairSome(ctx context.Context, tenant string, leftOver map[string]state) {
	if len(leftOver) == 0 {
		return
	}
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, time.Until(end)/8, fault.New(fault.Timeout, "repairs take little of a search's time"))
		defer cancel()
	}
	for _, id := range slices.Sorted(maps.Keys(leftOver))[:min(repairsPerRound, len(leftOver))] {
		if ctx.Err() != nil {
			return
		}
		if err := t.repair(ctx, tenant, id, leftOver[id]); err != nil {
			warnOfLeftOvers(ctx, id, err)
		}
	}
}
