package dynamo

import (
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"ragtime/shared/fault"
	"ragtime/shared/metadata"
	"ragtime/shared/rag"
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

// digits is how many significant digits of a component are stored. DynamoDB
// stores two a byte: four make a vector of 1,536 components 6.9 kB instead of
// 11.3, for an error of 4e-9 in the cosine.
const digits = 4

// numbers writes a vector as DynamoDB's vector index wants it: a list of numbers.
func numbers(v []float32) []types.AttributeValue {
	out := make([]types.AttributeValue, len(v))
	for i, x := range v {
		n := digits
		if x > roundsOver || x < -roundsOver {
			n = -1
		}
		out[i] = &types.AttributeValueMemberN{Value: strconv.FormatFloat(float64(x), 'g', n, 32)}
	}
	return out
}

// roundsOver is where rounding may leave the range of float32, which the index refuses.
const roundsOver = 3.402e38

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

// described are the attributes that describe a current document. A document
// item has others: those of its state (see state) and its key.
func described(d rag.Document) item {
	i := item{
		"title":      str(d.Title),
		"hash":       str(d.Hash),
		"updated_at": str(d.UpdatedAt.Format(time.RFC3339Nano)),
		"metadata":   labels(d.Metadata),
		"chunks":     num(int64(d.Chunks)),
	}
	if d.Collection != "" {
		i["collection"] = str(d.Collection)
	}
	return i
}

// describing names the attributes of described, for what takes them away.
var describing = []string{"title", "hash", "updated_at", "metadata", "chunks", "collection", "filter_keys"}

func labels(m metadata.Map) types.AttributeValue {
	out := item{}
	for k, v := range m {
		switch v.Kind() {
		case metadata.Number:
			out[k] = &types.AttributeValueMemberN{Value: v.Decimal()}
		case metadata.Boolean:
			out[k] = &types.AttributeValueMemberBOOL{Value: v.Bool()}
		default:
			out[k] = str(v.Text())
		}
	}
	return &types.AttributeValueMemberM{Value: out}
}

// label reads a value; ok is false for what is none.
func label(v types.AttributeValue) (_ metadata.Value, ok bool) {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return metadata.String(v.Value), true
	case *types.AttributeValueMemberN:
		return metadata.Decimal(v.Value)
	case *types.AttributeValueMemberBOOL:
		return metadata.Bool(v.Value), true
	}
	return metadata.Value{}, false
}

func document(i item) rag.Document {
	at, _ := time.Parse(time.RFC3339Nano, text(i, "updated_at"))
	d := rag.Document{ID: text(i, "document_id"), Version: text(i, "version"), Title: text(i, "title"),
		Collection: text(i, "collection"), Chunks: int(integer(i, "chunks")), Hash: text(i, "hash"),
		UpdatedAt: at, Metadata: metadata.Map{}}
	if m, ok := i["metadata"].(*types.AttributeValueMemberM); ok {
		for k, raw := range m.Value {
			if v, ok := label(raw); ok {
				d.Metadata[k] = v
			}
		}
	}
	return d
}

func chunkItem(tenant string, d rag.Document, c rag.Chunk) item {
	i := chunkKey(tenant, d.ID, d.Version, c.N)
	i["tenant"] = str(tenant)
	i["document_id"], i["version"], i["n"] = str(d.ID), str(d.Version), num(int64(c.N))
	i["text"], i["hash"], i["tokens"] = str(c.Text), str(c.Hash), num(int64(c.Tokens))
	if c.Context != "" {
		i["context"] = str(c.Context)
	}
	i["embedding"] = &types.AttributeValueMemberL{Value: numbers(c.Embedding)}
	if d.Collection != "" {
		i["collection"] = str(d.Collection) // a key of the index: must not be empty
	}
	return i
}
