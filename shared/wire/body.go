package wire

import (
	"io"
	"sync/atomic"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

// body is a response's body under the limits of its exchange, which it ends.
type body struct {
	io.ReadCloser
	exchange *exchange
	read     atomic.Int64
	over     atomic.Bool // read to its end, broken or closed
}

func (b *body) Read(p []byte) (int, error) {
	watch, limits := b.exchange.watch, b.exchange.transport.limits
	watch.enter(fault.PhaseReceive, limits.Receive)
	n, err := b.ReadCloser.Read(p)
	watch.enter(fault.PhaseReceive, 0) // the reader may take its time
	if b.read.Add(int64(n)) > limits.Body {
		err = fault.New(fault.Upstream, "the answer is larger than %d MiB", limits.Body>>20)
	}
	if err != nil && !b.over.Swap(true) {
		b.describe()
		if err == io.EOF {
			b.exchange.end()
		} else {
			err = b.exchange.fail(err)
		}
	}
	return n, err
}

// Close hangs up if the body was not read to its end.
func (b *body) Close() error {
	if !b.over.Swap(true) {
		b.describe()
		b.exchange.fail(nil)
	}
	return b.ReadCloser.Close()
}

// describe tells the attempt how much came.
func (b *body) describe() {
	b.exchange.attempt.Exchange(func(e *evidence.Exchange) { e.Bytes = b.read.Load() })
}
