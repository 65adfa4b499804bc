package wire

import (
	"context"
	"io"
	"net/http"
	"time"
)

// errorBodyWait is how long an error's body may take, since the status says nearly all.
// It is shorter than the time after which a new process makes a second attempt.
const errorBodyWait = 250 * time.Millisecond

// ErrorBody reads the body of an answer that is an error, and closes it. It returns at
// most so many bytes, and no more than came within 250 ms, or within half of the time
// that ctx has left: the status of an error whose body hangs is not lost.
func ErrorBody(ctx context.Context, resp *http.Response, most int64) []byte {
	wait := errorBodyWait
	if end, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(end)/2)
	}
	giveUp := time.AfterFunc(wait, func() { resp.Body.Close() })
	received, _ := io.ReadAll(io.LimitReader(resp.Body, most))
	giveUp.Stop()
	resp.Body.Close()
	return received
}
