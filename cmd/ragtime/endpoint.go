package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"syscall"
)

// defaultEndpoint is where `ragtime up` serves.
const defaultEndpoint = "http://127.0.0.1:3000"

// baseURL is where an API is served, without a slash at its end.
type baseURL string

// UnmarshalText reads what was typed.
func (u *baseURL) UnmarshalText(text []byte) error {
	if len(text) == 0 { // a variable that was set to nothing
		*u = defaultEndpoint
		return nil
	}
	at, err := url.Parse(string(text))
	if err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "" || at.RawQuery != "" || at.Fragment != "" {
		return fmt.Errorf("%q is no base URL such as http://127.0.0.1:3000", text)
	}
	*u = baseURL(strings.TrimRight(string(text), "/"))
	return nil
}

// local tells whether this machine serves it.
func (u baseURL) local() bool {
	at, err := url.Parse(string(u))
	if err != nil {
		return false
	}
	return at.Hostname() == "localhost" || net.ParseIP(at.Hostname()).IsLoopback()
}

// unreached is what a request that had no answer ends with: why, and what may help.
func (u baseURL) unreached(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%s: %w", u, cause)
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // without the method and the path, which say nothing here
	}
	hint := "is --endpoint right?"
	if u.local() && errors.Is(err, syscall.ECONNREFUSED) {
		hint = "is it running? `build/ragtime up` starts it; at another port than this, say so with --endpoint or RAGTIME_ENDPOINT"
	}
	return fmt.Errorf("%s cannot be reached: %w; %s", u, err, hint)
}

// seconds is a time in whole seconds, at least one, as `Prefer: wait` has it. Zero
// is what nobody typed.
type seconds int

// UnmarshalText reads what was typed, such as 10 or 10s.
func (s *seconds) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(strings.TrimSuffix(string(text), "s"), 10, 16)
	if err != nil || n == 0 {
		return fmt.Errorf("%q is no number of whole seconds, from 1", text)
	}
	*s = seconds(n)
	return nil
}

// documentID is a document's id. What else it may not be the API says.
type documentID string

// UnmarshalText reads what was typed, and refuses what may be a file's path.
func (id *documentID) UnmarshalText(text []byte) error {
	if s := string(text); s == "" || s == "." || s == ".." || strings.Contains(s, "/") {
		return fmt.Errorf("%q is no document's id: they have ~ for /, and list shows them", text)
	}
	*id = documentID(text)
	return nil
}

// path is where the API has the document.
func (id documentID) path() string { return "/documents/" + url.PathEscape(string(id)) }

// usageError is a mistake in what was typed, found after the flags were read.
type usageError struct{ error }

func wrongUsage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }
