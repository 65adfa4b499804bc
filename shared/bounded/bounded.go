// Package bounded bounds what the answers of an AWS service may take of the
// process, whatever the service sends.
//
// The SDK reads an answer whole and then decodes it, into seven times its size.
// Here an answer has a limit, large ones share the room that there is for them,
// and one of them is decoded at a time. An error's answer is short, or counts as
// what came of it: the SDK would wait for its body, and the status would be lost.
package bounded

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"ragtime/shared/fault"
)

const (
	// smallAnswer is the size under which an answer is not counted, in bytes: all but
	// pages and searches are smaller.
	smallAnswer = 256 << 10
	// totalRoom is the room for the bytes of all large answers of the process.
	totalRoom = 24 << 20

	// errorBodyWait is how long an error's body may take; less where less than twice of
	// it is left.
	errorBodyWait = 250 * time.Millisecond
	// maxError is how much of it is read, in bytes.
	maxError = 64 << 10
)

// Memory is the process's, so these are too.
var (
	room     = semaphore.NewWeighted(totalRoom)
	decoding = semaphore.NewWeighted(1)
)

// Doer is what the SDK needs of an HTTP client.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Client is an HTTP client whose answers are bounded. Safe for concurrent use if next is.
type Client struct {
	next  Doer
	limit int64
}

// New makes a client over another one whose answers have at most that many
// bytes, which must not be more than 24 MiB.
func New(next Doer, limit int64) *Client { return &Client{next, limit} }

// Do sends the request. Reading the answer's body to its end may wait until other
// answers are decoded, as long as the request's context lasts; closing it says
// that this one is.
func (c *Client) Do(r *http.Request) (*http.Response, error) {
	resp, err := c.next.Do(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 300 {
		readError(r.Context(), resp)
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

// readError replaces an error's body by what comes of it in time.
func readError(ctx context.Context, resp *http.Response) {
	wait := errorBodyWait
	if end, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(end)/2)
	}
	giveUp := time.AfterFunc(wait, func() { resp.Body.Close() })
	received, _ := io.ReadAll(io.LimitReader(resp.Body, maxError))
	giveUp.Stop()
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(received))
}

// body is a successful answer's. Only Close may be called beside Read.
type body struct {
	io.ReadCloser
	ctx         context.Context
	limit, left int64
	length      int64 // as announced; -1 if it was not

	mu           sync.Mutex
	closed       bool
	heldRoom     int64 // taken
	holdsDecoder bool  // it is this one's turn
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
		// What follows is decoding, which is not to be done by many at once.
		if waited := b.acquire(decoding, 1, func() { b.holdsDecoder = true }); waited != nil {
			return n, waited
		}
	}
	return n, err
}

func (b *body) tooLarge() error {
	return fault.New(fault.Upstream, "the answer is larger than %d MiB", b.limit>>20)
}

// acquire waits for a share of what all have.
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

// Close gives back what the answer took.
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
