package gateway

import (
	"cmp"
	"crypto/sha256"
	"math/big"
	"net/http"
	"slices"
	"strings"
)

// router finds the route of a request. It never changes once made.
type router struct {
	stage  string
	routes []pattern // most specific first
}

type pattern struct {
	parts []string
	route Route
}

// match is a route and the part of the path that it matched.
type match struct {
	route      Route
	path       string            // the request's path, still encoded, without the stage
	parameters map[string]string // nil when the pattern has none
}

// newRouter orders routes as API Gateway prefers them: part by part, a fixed
// one before a variable, a variable before {name+}; a method before ANY.
func newRouter(t *Template) *router {
	rt := &router{stage: t.API.Stage}
	for _, route := range t.Routes {
		rt.routes = append(rt.routes, pattern{split(route.Path), route})
	}
	slices.SortStableFunc(rt.routes, func(a, b pattern) int {
		byParts := slices.CompareFunc(a.parts, b.parts, func(x, y string) int { return cmp.Compare(rank(x), rank(y)) })
		return cmp.Or(byParts, cmp.Compare(rankMethod(a.route.Method), rankMethod(b.route.Method)))
	})
	return rt
}

func rank(part string) int {
	switch {
	case strings.HasSuffix(part, "+}"):
		return 2
	case strings.HasPrefix(part, "{"):
		return 1
	}
	return 0
}

func rankMethod(method string) int {
	if method == "ANY" {
		return 1
	}
	return 0
}

// find matches a method and an encoded path, with or without the stage in
// front: a URL copied from the deployed API works here, and so does the short
// one. A trailing slash does not count.
//
// Parameters stay percent-encoded, like the path. That is what the real REST
// API sends to a Lambda proxy integration (recorded: "test%2Balias" stays so),
// although its guide says that parameters are decoded; an encoded slash can thus
// never become two parts. A function must decode once itself.
func (rt *router) find(method, path string) (match, bool) {
	if rest, ok := strings.CutPrefix(path, "/"+rt.stage); ok && rt.stage != "" && (rest == "" || rest[0] == '/') {
		path = rest
	}
	if path == "" {
		path = "/"
	}
	parts := split(path)
	resource := "" // chosen by path alone: its methods are all there are
	for _, p := range rt.routes {
		parameters, ok := p.match(parts)
		if !ok || resource != "" && p.route.Path != resource {
			continue
		}
		resource = p.route.Path
		if p.route.Method == method || p.route.Method == "ANY" {
			return match{p.route, path, parameters}, true
		}
	}
	return match{}, false
}

// admit returns the route of a request and its caller, or the failure to answer with.
func (rt *router) admit(r *http.Request) (match, caller, *failure) {
	m, found := rt.find(r.Method, r.URL.EscapedPath())
	if found && m.route.Authorizer == authNone {
		return m, caller{}, nil
	}
	from, refusal := identify(r.Header)
	if refusal == nil && !found {
		refusal = missingToken
	}
	return m, from, refusal
}

func (p pattern) match(parts []string) (map[string]string, bool) {
	var parameters map[string]string
	set := func(variable, value string) {
		if parameters == nil {
			parameters = map[string]string{}
		}
		parameters[strings.Trim(variable, "{+}")] = value
	}
	for i, want := range p.parts {
		switch {
		case i >= len(parts):
			return nil, false
		case rank(want) == 2:
			set(want, strings.Join(parts[i:], "/"))
			return parameters, true
		case rank(want) == 1 && parts[i] != "":
			set(want, parts[i])
		case want != parts[i]:
			return nil, false
		}
	}
	return parameters, len(parts) == len(p.parts)
}

// split cuts a path into its parts; the root has none.
func split(path string) []string {
	path = strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// identifier derives an id of n letters and digits, like those of API Gateway,
// from names: the same on every run.
func identifier(n int, names ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(names, "\x00")))
	return new(big.Int).SetBytes(sum[:]).Text(36)[:n]
}
