package apigw

import (
	"strings"

	"ragtime/shared/exact"
	"ragtime/shared/fault"
)

// find gives the route of a call, with the call's path parameters set. Where the
// gateway chose one of ours, that is it. A function URL and the route $default
// choose none: the path decides then.
func (routes Routes) find(c *call) (Route, error) {
	if r, ok := routes[c.route]; ok {
		return r, nil
	}
	for _, path := range c.paths { // of a gateway's event there is one at least
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

// match compares a path with a pattern, part by part. No two patterns of a
// function match the same path. Parameters stay as they are in the path.
func match(pattern, path string) (map[string]string, bool) {
	want, got := strings.Split(pattern, "/"), strings.Split(strings.TrimSuffix(path, "/"), "/")
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

// parameter gives the name of a pattern's part like {document_id}.
func parameter(part string) (string, bool) {
	inner, ok := strings.CutPrefix(part, "{")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(inner, "}")
}
