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

// findProxy sets the proxy that requests to the service go through, if there is one.
func (p *probe) findProxy() error {
	find := p.options.Proxy
	if find == nil {
		find = http.ProxyFromEnvironment
	}
	proxy, err := find(p.request)
	switch {
	case err != nil:
		// Not err itself, which quotes the URL with its password.
		return errors.New("the proxy in HTTPS_PROXY or HTTP_PROXY is not a URL")
	case proxy == nil:
		return nil
	case proxy.Scheme != "http" && proxy.Scheme != "https":
		return fmt.Errorf("requests go through a proxy of kind %s, and diagnose can walk through those of kind http and https only", proxy.Scheme)
	}
	p.proxy = proxy
	p.target.Proxy = proxy.Scheme + "://" + proxy.Host
	if !p.overTLS() {
		authorize(p.request.Header, proxy)
	}
	return nil
}

// authorize adds the user and password of a proxy's URL to a request for the proxy.
func authorize(h http.Header, proxy *url.URL) {
	if u := proxy.User; u != nil {
		password, _ := u.Password()
		h.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)))
	}
}

// refusal is the status with which a proxy refuses to connect.
type refusal int

func (r refusal) Error() string { return fmt.Sprintf("status %d", int(r)) }

func (r refusal) kind() fault.Kind {
	if r >= http.StatusInternalServerError {
		return fault.Unavailable
	}
	return fault.Upstream
}

// tunnel makes the proxy connect with the service.
func (p *probe) tunnel() (detail string, err error) {
	to := wire.HostPort(p.service.URL)
	r := &http.Request{
		Method: http.MethodConnect,
		URL:    &url.URL{Opaque: to},
		Host:   to,
		Header: http.Header{"User-Agent": p.request.Header["User-Agent"]},
	}
	authorize(r.Header, p.proxy)
	if err := r.Write(p.conn); err != nil {
		return "", err
	}
	// The reader's buffer cannot swallow bytes of the service, which speaks only after us.
	resp, err := http.ReadResponse(bufio.NewReader(p.conn), r) //nolint:bodyclose // there is none: the connection is the tunnel from here on
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", refusal(resp.StatusCode)
	}
	return fmt.Sprintf(", connected with %s by the proxy", to), nil
}
