package main

import (
	"context"
	"net/http"

	"ragtime/shared/apigw"
	"ragtime/shared/config"
	"ragtime/shared/metadata"
	"ragtime/shared/operation"
	"ragtime/shared/rag"
	"ragtime/shared/trace"
)

type handler struct {
	embedder rag.Embedder
	store    rag.Writer
}

func newHandler(e rag.Embedder, w rag.Writer, from config.Tenancy, t *trace.Tracer) apigw.Func {
	h := handler{e, w}
	return apigw.API{
		Name:    "embed",
		Tracer:  t,
		Tenancy: from,
		Routes: apigw.Routes{
			"PUT /documents/{document_id}":    h.put,
			"DELETE /documents/{document_id}": h.delete,
		},
		Direct: apigw.Direct{Route: "PUT /documents/{document_id}", Fields: []string{"document_id", "text"}},
	}.Serve
}

type putBody struct {
	Text       string       `json:"text"`
	Title      string       `json:"title"`
	Collection string       `json:"collection"`
	Metadata   metadata.Map `json:"metadata"`
}

type usage struct {
	EmbeddingTokens int `json:"embedding_tokens"`
}

type putAnswer struct {
	DocumentID  string `json:"document_id"`
	Version     string `json:"version"`
	Chunks      int    `json:"chunks"`
	Embedded    int    `json:"embedded"`
	Reused      int    `json:"reused"`
	Unchanged   bool   `json:"unchanged,omitempty"` // the same document was there already: nothing was written
	Usage       usage  `json:"usage"`
	OperationID string `json:"operation_id"`
}

func (h handler) put(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
	id, err := r.Path("document_id")
	if err != nil {
		return apigw.Response{}, err
	}
	media, err := r.Media("application/json", "text/plain", "text/markdown")
	if err != nil {
		return apigw.Response{}, err
	}
	var body putBody
	if media == "application/json" {
		err = r.JSON(&body)
	} else {
		body.Text, err = r.Text()
	}
	if err != nil {
		return apigw.Response{}, err
	}
	done, err := rag.Embed(ctx, r.Tenant, rag.Input{
		ID:         id,
		Text:       body.Text,
		Title:      body.Title,
		Collection: body.Collection,
		Metadata:   body.Metadata,
	}, h.embedder, h.store)
	if err != nil {
		return apigw.Response{}, err
	}
	operation.Count(ctx, operation.EmbeddingTokens, done.Tokens)
	operation.Count(ctx, operation.ChunksReused, done.Reused)
	return apigw.Response{Status: http.StatusOK, Body: putAnswer{
		DocumentID:  id,
		Version:     done.Version,
		Chunks:      done.Chunks,
		Embedded:    done.Embedded,
		Reused:      done.Reused,
		Unchanged:   done.Unchanged,
		Usage:       usage{done.Tokens},
		OperationID: r.OperationID,
	}}, nil
}

func (h handler) delete(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
	id, err := r.Path("document_id")
	if err != nil {
		return apigw.Response{}, err
	}
	return apigw.Response{Status: http.StatusNoContent}, rag.Delete(ctx, r.Tenant, id, h.store)
}
