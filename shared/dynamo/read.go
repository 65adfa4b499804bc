package dynamo

import (
	"context"
	"encoding/base64"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"ragtime/shared/fault"
	"ragtime/shared/rag"
)

// Get implements rag.Catalog.
func (t *Table) Get(ctx context.Context, tenant, id string) (rag.Document, error) {
	s, err := t.state(ctx, tenant, id)
	if err != nil {
		return rag.Document{}, err
	}
	if s.status() != ready {
		return rag.Document{}, fault.New(fault.NotFound, "no document %s", id)
	}
	return document(s.item), nil
}

// Chunks implements rag.Catalog. The cursor is of one version: a document that
// is replaced between two pages is NotFound under the old one's.
func (t *Table) Chunks(ctx context.Context, tenant, id string, limit int, cursor string) ([]rag.Chunk, string, error) {
	after, err := decodeCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	s, err := t.state(ctx, tenant, id)
	if err != nil {
		return nil, "", err
	}
	if s.status() != ready {
		return nil, "", fault.New(fault.NotFound, "no document %s", id)
	}
	first := s.version() + "#"
	if after != "" {
		if len(after) <= len(first) || after[:len(first)] != first {
			return nil, "", fault.New(fault.NotFound, "the version of %s that the cursor is of is no longer there: begin again", id)
		}
		first = after + "\x00" // the next possible key
	}
	page := []rag.Chunk{}
	var last string
	more := false
	err = t.query(ctx, &dynamodb.QueryInput{
		KeyConditionExpression: aws.String("#pk = :pk AND #sk BETWEEN :first AND :last"),
		ProjectionExpression:   aws.String("#sk, #n, #text, #context, #tokens, #hash"),
		ExpressionAttributeNames: map[string]string{"#pk": "pk", "#sk": "sk", "#n": "n", "#text": "text",
			"#context": "context", "#tokens": "tokens", "#hash": "hash"},
		ExpressionAttributeValues: item{":pk": str(chunkPartition(tenant, id)), ":first": str(first), ":last": str(s.version() + "~")},
		ConsistentRead:            aws.Bool(true),
		Limit:                     aws.Int32(int32(limit) + 1),
	}, func(i item) (bool, error) {
		if len(page) == limit {
			more = true
			return false, nil
		}
		page = append(page, rag.Chunk{N: int(integer(i, "n")), Text: text(i, "text"), Context: text(i, "context"),
			Tokens: int(integer(i, "tokens")), Hash: text(i, "hash")})
		last = text(i, "sk")
		return true, nil
	})
	if err != nil || !more {
		return page, "", err
	}
	return page, encodeCursor(last), nil
}

// What a list may read in one go. Tombstones are in the way of documents: where
// there are many, it reads more at once, and ends early with what it found.
const (
	listGrowth = 8
	listMost   = 8192 // items a request; DynamoDB gives at most 1 MB
	listCalls  = 8    // requests a list
)

// List implements rag.Catalog. The cursor is the last item's id, encoded.
func (t *Table) List(ctx context.Context, tenant string, limit int, cursor string) ([]rag.Document, string, error) {
	page, next, err := t.list(ctx, tenant, limit, cursor)
	if err == nil {
		t.settleDue(ctx)
	}
	return page, next, err
}

func (t *Table) list(ctx context.Context, tenant string, limit int, cursor string) ([]rag.Document, string, error) {
	after, err := decodeCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	if after != "" && rag.ValidID("cursor", after) != nil {
		return nil, "", errCursor
	}
	in := &dynamodb.QueryInput{TableName: &t.name,
		KeyConditionExpression:    aws.String("#pk = :pk"),
		FilterExpression:          aws.String("#status = :ready"),
		ExpressionAttributeNames:  map[string]string{"#pk": "pk", "#status": "status"},
		ExpressionAttributeValues: item{":pk": str("doc#" + tenant), ":ready": str(ready)},
		ConsistentRead:            aws.Bool(true),
	}
	if after != "" {
		in.ExclusiveStartKey = documentKey(tenant, after)
	}
	page := []rag.Document{}
	for read, calls := limit+1, 1; ; read, calls = read*listGrowth, calls+1 {
		in.Limit = aws.Int32(int32(min(read, listMost)))
		out, err := call(ctx, t.pages, func(ctx context.Context) (*dynamodb.QueryOutput, error) {
			out, err := t.client.Query(ctx, in)
			if err == nil && out.Items == nil {
				err = unbelievable("items")
			}
			return out, err
		})
		if err != nil {
			return nil, "", err
		}
		for _, i := range out.Items {
			if len(page) == limit {
				return page, encodeCursor(page[limit-1].ID), nil
			}
			page = append(page, document(i))
		}
		if len(out.LastEvaluatedKey) == 0 {
			return page, "", nil
		}
		if calls == listCalls || short(ctx) {
			return page, encodeCursor(text(out.LastEvaluatedKey, "sk")), nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// short tells whether too little time is left for another request of many items.
func short(ctx context.Context) bool {
	end, ok := ctx.Deadline()
	return ok && time.Until(end) < time.Second
}

var errCursor = fault.InvalidField("cursor", "is not one that a list returned")

func encodeCursor(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

// decodeCursor gives the key of a cursor; "" for none.
func decodeCursor(cursor string) (string, error) {
	key, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(key) > 512 {
		return "", errCursor
	}
	return string(key), nil
}
