package network

import (
	"bytes"
	"net/http"
)

// Capture serves a request and returns the whole answer instead of sending it, so
// that a fault can change it.
func Capture(h http.Handler, r *http.Request) (status int, header http.Header, body []byte) {
	c := &capture{header: http.Header{}}
	h.ServeHTTP(c, r)
	c.WriteHeader(http.StatusOK)
	return c.status, c.header, c.body.Bytes()
}

type capture struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (c *capture) Header() http.Header { return c.header }

func (c *capture) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
}

// Flush is for handlers that stream.
func (c *capture) Flush() { c.WriteHeader(http.StatusOK) }

func (c *capture) Write(p []byte) (int, error) {
	c.WriteHeader(http.StatusOK)
	return c.body.Write(p)
}
