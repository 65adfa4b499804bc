package dynamo

import (
	"context"
	"slices"
	"strconv"
)

// searchVectors finds the nearest items in the vector index. The vectors come
// from memory, the attributes of the items found from the file: an item that is
// deleted between the two is left out.
func (db *DB) searchVectors(ctx context.Context, t *table, q *request) ([]byte, error) {
	x := t.index
	if x == nil || x.IndexName != q.index {
		return nil, invalid("The table does not have the specified index: %s", q.index)
	}
	e, err := q.parse("SearchConditionExpression", "ProjectionExpression")
	if err != nil {
		return nil, err
	}
	query, err := x.checkSearch(q)
	if err != nil {
		return nil, err
	}
	hash, wanted, err := x.searchCondition(e.search)
	if err != nil {
		return nil, err
	}
	found := []byte{'['}
	hits, examined := x.nearest(query, hash, wanted, q.topK)
	for _, h := range hits {
		it, _, err := db.get(t, h.key, slices.Contains(e.projection, t.vectorName()))
		if err != nil {
			return nil, err
		}
		if it == nil {
			continue
		}
		one := addMember([]byte("{}"), "Item", appendItem(nil, e.projection.apply(x.project(t, it, e))))
		found = append(separated(found), addMember(one, "Score", strconv.AppendFloat(nil, h.score, 'g', -1, 64))...)
	}
	answer := addMember([]byte("{}"), "SearchResults", append(found, ']'))
	bytes := float64(max(examined, minVectorBytes))
	meterOf(ctx).add(func(u *Usage) { u.Searched += bytes })
	if q.consumed.none() {
		return answer, nil
	}
	cost := appendFloat([]byte(`{"VectorSearchRequestBytes":`), bytes)
	return addMember(answer, "ConsumedCapacity", append(cost, '}')), nil
}

// checkSearch checks the parameters that concern the vector.
func (x *vectorIndex) checkSearch(q *request) ([]float32, error) {
	switch {
	case q.topK == 0:
		return nil, constraint("topK", "Member must not be null")
	case len(q.vector) != x.Dimensions:
		return nil, invalid("Input search vector dimension %d does not match vector index dimension %d", len(q.vector), x.Dimensions)
	}
	query, bad := floats(q.vector)
	if bad >= 0 {
		return nil, invalidParameter("SearchVector[%d] is not a 32-bit floating point N: %s", bad, describe(q.vector[bad]))
	}
	return query, nil
}

const searchLabel = "SearchConditionExpression"

// searchCondition takes a SearchConditionExpression apart: the HASH value, and the
// values that the inline filters must have, in their order, "" for any.
func (x *vectorIndex) searchCondition(c condition) (hash string, wanted []string, err error) {
	if c == nil {
		return "", nil, invalid("%s must be provided when SearchSchema has a HASH key", searchLabel)
	}
	all, err := terms(searchLabel, c)
	if err != nil {
		return "", nil, err
	}
	wanted = make([]string, len(x.filterNames))
	seen := map[string]bool{}
	for _, c := range all {
		switch {
		case c.op != "=":
			return "", nil, invalid("Invalid %s: Invalid comparator used in %s", searchLabel, searchLabel)
		case !x.searches(c.name):
			return "", nil, invalid("Invalid %s: Attribute is not in the SearchSchema of index %s: %s", searchLabel, x.IndexName, c.name)
		case seen[c.name]:
			return "", nil, invalid("Invalid %s: Only one condition per attribute is allowed: %s", searchLabel, c.name)
		case c.values[0].kind != kindS || c.values[0].text == "":
			return "", nil, invalidParameter("Condition parameter type does not match schema type")
		}
		seen[c.name] = true
		if c.name == x.hash() {
			hash = c.values[0].text
		} else {
			wanted[slices.Index(x.filterNames, c.name)] = c.values[0].text
		}
	}
	if !seen[x.hash()] {
		return "", nil, invalid("Invalid %s: Missing condition on the HASH attribute of the SearchSchema: %s", searchLabel, x.hash())
	}
	return hash, wanted, nil
}

// project is what the index holds of an item: projected attributes, and of
// vectors only those that the projection expression names.
func (x *vectorIndex) project(t *table, it item, e *expressions) item {
	out := item{}
	for name, v := range it {
		named := slices.Contains(e.projection, name)
		if x.projects(&t.definition, name) && (named || name != x.VectorAttribute.AttributeName) {
			out[name] = v
		}
	}
	return out
}
