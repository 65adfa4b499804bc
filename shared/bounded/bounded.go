// Package bounded limits how much of the process's memory the answers of an AWS service
// take, whatever the service sends.
//
// The SDK reads a whole answer and then decodes it, which takes seven times its size. So
// an answer has a limit here, all large answers together have another one, and only one
// of them is decoded at a time.
//
// An error's body is cut off after a while. The SDK would wait for it until the deadline,
// and the status would be lost.
package bounded

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"

	"golang.org/x/sync/semaphore"

	"ragtime/shared/fault"
	"ragtime/shared/wire"
)

const (
	// An answer of up to smallAnswer bytes is not counted. Only pages and searches have
	// more.
	smallAnswer = 256 << 10
	// totalRoom is how many bytes all large answers of the process may have together.
	totalRoom = 24 << 20
	// maxError is how much of an error's body is read, in bytes.
	maxError = 64 << 10
)

// All clients share these, since they share the process's memory.
var (
	room     = semaphore.NewWeighted(totalRoom) // in bytes
	decoding = semaphore.NewWeighted(1)
)

// Doer is the SDK's interface of an HTTP client.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Client is an HTTP client whose answers are bounded. Safe for concurrent use if next is.
type Client struct {
	next  Doer
	limit int64
}

// New makes a client over next. limit is the most that one answer may have, in bytes; it
// must not be more than 24 MiB.
func New(next Doer, limit int64) *Client { return &Client{next, limit} }

// Do sends the request. Reading the answer's body may wait, at the most until the
// request's context ends, for other answers to be decoded. Closing the body means that
// this answer is decoded.
func (c *Client) Do(r *http.Request) (*http.Response, error) {
	resp, err := c.next.Do(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 300 {
		resp.Body = io.NopCloser(bytes.NewReader(wire.ErrorBody(r.Context(), resp, maxError)))
		return resp, nil
	}
	resp.Body = &body{
		ReadCloser: resp.Body,
		ctx:        r.Context(),
		left:       c.limit,
		limit:      c.limit,
		length:     resp.ContentLength,
	}
	return resp, nil
}

// body is the body of a successful answer. Close may be called while Read runs; two
// Reads at once may not.
type body struct {
	io.ReadCloser
	ctx    context.Context
	limit  int64 // bytes that the answer may have
	left   int64 // of limit
	length int64 // Content-Length; -1 without one

	mu           sync.Mutex
	closed       bool
	heldRoom     int64 // acquired of room
	holdsDecoder bool  // acquired decoding
}

func (b *body) Read(p []byte) (int, error) {
	if b.length > b.limit {
		return 0, b.tooLarge()
	}
	if b.heldRoom == 0 && (b.length > smallAnswer || b.length < 0 && b.limit-b.left >= smallAnswer) {
		want := b.length
		if want < 0 {
			want = b.limit
		}
		if err := b.acquire(room, want, func() { b.heldRoom = want }); err != nil {
			return 0, err
		}
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	switch {
	case b.left < 0:
		return n, b.tooLarge()
	case err == io.EOF && b.heldRoom > 0 && !b.holdsDecoder:
		// The SDK decodes the body once it has its end.
		if waited := b.acquire(decoding, 1, func() { b.holdsDecoder = true }); waited != nil {
			return n, waited
		}
	}
	return n, err
}

func (b *body) tooLarge() error {
	return fault.New(fault.Upstream, "the answer is larger than %d MiB", b.limit>>20)
}

// acquire waits for n of sem, and calls onAcquired unless the body was closed meanwhile.
func (b *body) acquire(sem *semaphore.Weighted, n int64, onAcquired func()) error {
	if sem.Acquire(b.ctx, n) != nil {
		return context.Cause(b.ctx)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		sem.Release(n)
		return http.ErrBodyReadAfterClose
	}
	onAcquired()
	return nil
}

// Close releases what the body acquired.
func (b *body) Close() error {
	b.mu.Lock()
	if !b.closed {
		b.closed = true
		room.Release(b.heldRoom)
		if b.holdsDecoder {
			decoding.Release(1)
		}
	}
	b.mu.Unlock()
	return b.ReadCloser.Close()
}
