package apigw

import (
	"strings"

	"ragtime/shared/exact"
	"ragtime/shared/fault"
)

// find returns the route of a call, and sets the call's path parameters. The gateway's
// choice counts. A function URL and the route $default choose none: then method and path
// decide.
func (routes Routes) find(c *call) (Route, error) {
	if r, ok := routes[c.route]; ok {
		return r, nil
	}
	for _, path := range c.paths { // a gateway's event has at least one
		for key, r := range routes {
			method, pattern, _ := strings.Cut(key, " ")
			if params, ok := match(pattern, path); ok && method == c.method {
				c.params = params
				return r, nil
			}
		}
	}
	where := c.route
	if path := c.paths[len(c.paths)-1]; path != "" {
		where = c.method + " " + path
	}
	return nil, fault.New(fault.NotFound, "no route for %s", exact.Printable(where))
}

// match compares a path with a pattern, part by part, and returns the parameters as they
// are in the path. No two patterns of a function match the same path.
func match(pattern, path string) (map[string]string, bool) {
	want := strings.Split(pattern, "/")
	got := strings.Split(strings.TrimSuffix(path, "/"), "/")
	if len(want) != len(got) {
		return nil, false
	}
	params := map[string]string{}
	for i, w := range want {
		if name, ok := parameter(w); ok && got[i] != "" {
			params[name] = got[i]
		} else if w != got[i] {
			return nil, false
		}
	}
	return params, true
}

// parameter returns the name in a pattern's part such as {document_id}.
func parameter(part string) (string, bool) {
	inner, ok := strings.CutPrefix(part, "{")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(inner, "}")
}
