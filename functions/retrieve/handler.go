package main

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"ragtime/shared/apigw"
	"ragtime/shared/config"
	"ragtime/shared/fault"
	"ragtime/shared/metadata"
	"ragtime/shared/operation"
	"ragtime/shared/query"
	"ragtime/shared/rag"
	"ragtime/shared/trace"
)

type reader interface {
	rag.Catalog
	rag.Searcher
}

type handler struct {
	embedder rag.Embedder
	store    reader
}

func newHandler(e rag.Embedder, s reader, from config.Tenancy, t *trace.Tracer) apigw.Func {
	h := handler{e, s}
	return apigw.API{
		Name:    "retrieve",
		Tracer:  t,
		Tenancy: from,
		Routes: apigw.Routes{
			"POST /retrieve":                      h.retrieve,
			"GET /documents":                      h.list,
			"GET /documents/{document_id}":        h.get,
			"GET /documents/{document_id}/chunks": h.chunks,
		},
		Direct: apigw.Direct{Route: "POST /retrieve", Fields: []string{"query"}},
	}.Serve
}

type retrieveBody struct {
	query.Fields
	Text string `json:"query"`
}

type usage struct {
	EmbeddingTokens int `json:"embedding_tokens"`
}

type retrieveAnswer struct {
	Passages    []query.Passage `json:"passages"`
	Incomplete  bool            `json:"incomplete,omitempty"` // there may be more passages than these
	Usage       usage           `json:"usage"`
	OperationID string          `json:"operation_id"`
}

// How much a client gets that does not say how much it wants.
const (
	defaultTopK  = 5
	defaultLimit = 50 // entries of a list
)

func (h handler) retrieve(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
	var body retrieveBody
	if err := r.JSON(&body); err != nil {
		return apigw.Response{}, err
	}
	found, err := rag.Retrieve(ctx, r.Tenant, body.Query(body.Text, defaultTopK, false), h.embedder, h.store)
	operation.Count(ctx, operation.EmbeddingTokens, found.Tokens)
	operation.Count(ctx, operation.StaleChunks, found.Stale)
	if err != nil {
		return apigw.Response{}, err
	}
	out := retrieveAnswer{
		Passages:    query.Passages(found.Passages),
		Incomplete:  found.Incomplete,
		Usage:       usage{found.Tokens},
		OperationID: r.OperationID,
	}
	for !apigw.Fits(out) && len(out.Passages) > 1 { // the best passages come first, and stay
		out.Passages = out.Passages[:len(out.Passages)*3/4]
		out.Incomplete = true
	}
	return apigw.Response{Status: http.StatusOK, Body: out}, nil
}

type document struct {
	DocumentID string       `json:"document_id"`
	Status     string       `json:"status"`
	Version    string       `json:"version"`
	Title      string       `json:"title"`
	Collection string       `json:"collection"`
	Metadata   metadata.Map `json:"metadata"`
	Chunks     int          `json:"chunks"`
	UpdatedAt  string       `json:"updated_at"` // RFC 3339, UTC
}

func toDocument(d rag.Document) document {
	return document{
		DocumentID: d.ID,
		Status:     "ready",
		Version:    d.Version,
		Title:      d.Title,
		Collection: d.Collection,
		Metadata:   d.Metadata,
		Chunks:     d.Chunks,
		UpdatedAt:  d.UpdatedAt.Format(time.RFC3339),
	}
}

func (h handler) get(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
	id, err := r.Path("document_id")
	if err != nil {
		return apigw.Response{}, err
	}
	d, err := rag.Get(ctx, r.Tenant, id, h.store)
	return apigw.Response{Status: http.StatusOK, Body: toDocument(d)}, err
}

type listAnswer struct {
	Documents []document `json:"documents"`
	Cursor    string     `json:"cursor,omitempty"`
}

func (h handler) list(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
	params, err := r.Query("limit", "cursor")
	if err != nil {
		return apigw.Response{}, err
	}
	limit, err := parseLimit(params)
	if err != nil {
		return apigw.Response{}, err
	}
	for {
		page, err := rag.List(ctx, r.Tenant, limit, params["cursor"], h.store)
		if err != nil {
			return apigw.Response{}, err
		}
		out := listAnswer{Documents: []document{}, Cursor: page.Cursor}
		for _, d := range page.Documents {
			out.Documents = append(out.Documents, toDocument(d))
		}
		if apigw.Fits(out) || limit == 1 {
			return apigw.Response{Status: http.StatusOK, Body: out}, nil
		}
		limit = max(1, min(limit, len(out.Documents))/2) // a shorter page has a cursor
	}
}

func parseLimit(params map[string]string) (int, error) {
	v, ok := params["limit"]
	if !ok {
		return defaultLimit, nil
	}
	limit, err := strconv.Atoi(v)
	if err != nil {
		return 0, fault.InvalidField("limit", "must be an integer")
	}
	return limit, nil
}

type chunk struct {
	Chunk   int    `json:"chunk"`
	Context string `json:"context,omitempty"`
	Text    string `json:"text"`
	Tokens  int    `json:"tokens"` // of context and text
}

type chunksAnswer struct {
	Chunks []chunk `json:"chunks"`
	Cursor string  `json:"cursor,omitempty"`
}

func (h handler) chunks(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
	id, err := r.Path("document_id")
	if err != nil {
		return apigw.Response{}, err
	}
	params, err := r.Query("limit", "cursor")
	if err != nil {
		return apigw.Response{}, err
	}
	limit, err := parseLimit(params)
	if err != nil {
		return apigw.Response{}, err
	}
	page, err := rag.Chunks(ctx, r.Tenant, id, limit, params["cursor"], h.store)
	if err != nil {
		return apigw.Response{}, err
	}
	out := chunksAnswer{Chunks: []chunk{}, Cursor: page.Cursor}
	for _, c := range page.Chunks {
		out.Chunks = append(out.Chunks, chunk{c.N, c.Context, c.Text, c.Tokens})
	}
	return apigw.Response{Status: http.StatusOK, Body: out}, nil
}
