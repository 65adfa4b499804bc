package dynamo

import (
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"ragtime/shared/fault"
	"ragtime/shared/rag"
)

// The values of a document item's status.
const (
	ready   = "ready"
	deleted = "deleted" // a tombstone
)

type item = map[string]types.AttributeValue

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func num(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func text(i item, name string) string {
	if v, ok := i[name].(*types.AttributeValueMemberS); ok {
		return v.Value
	}
	return ""
}

func integer(i item, name string) int64 {
	if v, ok := i[name].(*types.AttributeValueMemberN); ok {
		n, _ := strconv.ParseInt(v.Value, 10, 64)
		return n
	}
	return 0
}

// numbers writes a vector as DynamoDB's vector index wants it: a list of numbers.
func numbers(v []float32) []types.AttributeValue {
	out := make([]types.AttributeValue, len(v))
	for i, x := range v {
		out[i] = &types.AttributeValueMemberN{Value: strconv.FormatFloat(float64(x), 'g', -1, 32)}
	}
	return out
}

func vector(v types.AttributeValue) ([]float32, error) {
	l, ok := v.(*types.AttributeValueMemberL)
	if !ok {
		return nil, fault.New(fault.Upstream, "dynamodb: a chunk's embedding is no list of numbers")
	}
	out := make([]float32, len(l.Value))
	for i, e := range l.Value {
		n, ok := e.(*types.AttributeValueMemberN)
		if !ok {
			return nil, fault.New(fault.Upstream, "dynamodb: a chunk's embedding is no list of numbers")
		}
		x, err := strconv.ParseFloat(n.Value, 32)
		if err != nil {
			return nil, &fault.Error{Kind: fault.Upstream, Detail: "dynamodb: a chunk's embedding is no list of numbers", Cause: err}
		}
		out[i] = float32(x)
	}
	return out, nil
}

func documentItem(tenant string, d rag.Document) item {
	metadata := item{}
	for k, v := range d.Metadata {
		metadata[k] = str(v)
	}
	i := documentKey(tenant, d.ID)
	i["document_id"], i["version"], i["status"] = str(d.ID), str(d.Version), str(ready)
	i["title"], i["hash"], i["updated_at"] = str(d.Title), str(d.Hash), str(d.UpdatedAt.Format(time.RFC3339Nano))
	i["metadata"] = &types.AttributeValueMemberM{Value: metadata}
	i["chunks"] = num(int64(d.Chunks))
	if d.Collection != "" {
		i["collection"] = str(d.Collection) // a key of the index: must not be empty
	}
	return i
}

func document(i item) rag.Document {
	at, _ := time.Parse(time.RFC3339Nano, text(i, "updated_at"))
	d := rag.Document{ID: text(i, "document_id"), Version: text(i, "version"), Title: text(i, "title"),
		Collection: text(i, "collection"), Chunks: int(integer(i, "chunks")), Hash: text(i, "hash"),
		UpdatedAt: at, Metadata: map[string]string{}}
	if m, ok := i["metadata"].(*types.AttributeValueMemberM); ok {
		for k := range m.Value {
			d.Metadata[k] = text(m.Value, k)
		}
	}
	return d
}

func chunkItem(tenant string, d rag.Document, c rag.Chunk) item {
	i := chunkKey(tenant, d.ID, d.Version, c.N)
	i["document_id"], i["version"], i["n"] = str(d.ID), str(d.Version), num(int64(c.N))
	i["text"], i["hash"], i["tokens"] = str(c.Text), str(c.Hash), num(int64(c.Tokens))
	i["embedding"] = &types.AttributeValueMemberL{Value: numbers(c.Embedding)}
	if d.Collection != "" {
		i["collection"] = str(d.Collection)
	}
	return i
}
