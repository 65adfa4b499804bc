package provider

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// WithBaseURL returns the API at the URL; "" is the preset's own. The URL's query is
// sent with every request. The URL must be https, since the key is sent there: http
// is allowed for this machine only, or where the setting plaintext says yes.
func (api API) WithBaseURL(rawURL string) (API, error) {
	if rawURL == "" {
		rawURL = api.BaseURL
	}
	if rawURL == "" {
		return API{}, fmt.Errorf("is not set: every deployment of %s has an address of its own", api.Name)
	}
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return API{}, errors.New("is not an http or https URL") // without err, which has the whole URL
	}
	switch {
	case u.User != nil:
		return API{}, errors.New("has a user or password in it: the key belongs in OPENAI_API_KEY, or in a secret")
	case u.Fragment != "":
		return API{}, errors.New("has a fragment (#), which cannot be sent")
	case u.Scheme == "http" && !api.Plaintext && !loopback(u.Hostname()):
		return API{}, fmt.Errorf("is http: the key would go to %s unencrypted; use https, or allow it with RAGTIME_PROVIDER_SETTINGS=plaintext=yes", u.Host)
	}
	if api.Query, err = url.ParseQuery(u.RawQuery); err != nil {
		return API{}, errors.New("has a query that cannot be read")
	}
	u.RawQuery, u.ForceQuery = "", false
	api.BaseURL = strings.TrimRight(u.String(), "/")
	return api, nil
}

func loopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// Space is a name for the provider; only vectors of equal names can be compared. A preset's
// is the preset's name, whatever its address is. An API that has OpenAI's preset at
// another address is named by its host.
func (api API) Space() string {
	u, err := url.Parse(api.BaseURL)
	if api.Name != OpenAI || err != nil || api.BaseURL == presets[OpenAI].BaseURL {
		return api.Name
	}
	return strings.ToLower(u.Hostname())
}
