package diagnose

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"ragtime/shared/fault"
	"ragtime/shared/wire"
)

// findProxy finds the proxy that requests to the service go through.
func (w *way) findProxy() error {
	find := w.options.Proxy
	if find == nil {
		find = http.ProxyFromEnvironment
	}
	p, err := find(w.request)
	switch {
	case err != nil:
		return errors.New("the proxy in HTTPS_PROXY or HTTP_PROXY is not a URL") // err quotes it, password and all
	case p == nil:
		return nil
	case p.Scheme != "http" && p.Scheme != "https":
		return fmt.Errorf("requests go through a proxy of kind %s, and diagnose can walk through those of kind http and https only", p.Scheme)
	}
	w.proxy, w.target.Proxy = p, p.Scheme+"://"+p.Host
	if !w.overTLS() {
		authorize(w.request.Header, p)
	}
	return nil
}

// authorize gives a proxy the user and password of its URL.
func authorize(h http.Header, proxy *url.URL) {
	if u := proxy.User; u != nil {
		password, _ := u.Password()
		h.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)))
	}
}

// refusal is a proxy's status instead of a connection.
type refusal int

func (r refusal) Error() string { return fmt.Sprintf("status %d", int(r)) }

func (r refusal) kind() fault.Kind {
	if r >= http.StatusInternalServerError {
		return fault.Unavailable
	}
	return fault.Upstream
}

// tunnel has the proxy connect with the service.
func (w *way) tunnel() (detail string, err error) {
	to := wire.HostPort(w.service.URL)
	r := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: to}, Host: to, Header: http.Header{"User-Agent": w.request.Header["User-Agent"]}}
	authorize(r.Header, w.proxy)
	if err := r.Write(w.conn); err != nil {
		return "", err
	}
	// The reader takes no more than the answer: the service speaks after us.
	resp, err := http.ReadResponse(bufio.NewReader(w.conn), r)
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", refusal(resp.StatusCode)
	}
	return fmt.Sprintf(", connected with %s by the proxy", to), nil
}
