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
	if err := q.consumed.check(); err != nil {
		return nil, err
	}
	e, err := q.parse([]string{"SearchConditionExpression"}, "ProjectionExpression")
	if err != nil {
		return nil, err
	}
	query, k, err := x.checkSearch(q)
	if err != nil {
		return nil, err
	}
	hash, wanted, err := x.searchCondition(&t.definition, e.search)
	if err != nil {
		return nil, err
	}
	found := []byte{'['}
	hits, examined := x.nearest(query, hash, wanted, k)
	for _, h := range hits {
		it, _, err := db.get(t, h.key, slices.Contains(e.projection, attribute(t.vectorName())))
		if err != nil {
			return nil, err
		}
		if it == nil {
			continue
		}
		if len(found) > 1 {
			found = append(found, ',')
		}
		one := addMember([]byte("{}"), "Item", appendItem(nil, e.projection.apply(x.project(t, it, e))))
		found = append(found, addMember(one, "Score", strconv.AppendFloat(nil, h.score, 'g', -1, 64))...)
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
func (x *vectorIndex) checkSearch(q *request) (query []float32, k int, err error) {
	switch {
	case q.vector == nil:
		return nil, 0, constraint("null", "searchVector", "Member must not be null")
	case q.topK == nil:
		return nil, 0, constraint("null", "topK", "Member must not be null")
	case *q.topK < 1 || *q.topK > maxTopK:
		return nil, 0, invalid("Provided TopK value '%d' is out of valid range. The value must be between 1 and %d inclusive", *q.topK, maxTopK)
	case len(q.vector) != x.Dimensions:
		return nil, 0, invalid("Input search vector dimension %d does not match vector index dimension %d", len(q.vector), x.Dimensions)
	}
	query, bad := floats(q.vector)
	if bad >= 0 {
		return nil, 0, invalidParameter("SearchVector[%d] is not a 32-bit floating point N: %s", bad, describe(q.vector[bad]))
	}
	return query, *q.topK, nil
}

const searchLabel = "SearchConditionExpression"

// searchCondition takes a SearchConditionExpression apart, nil if none was
// given: the HASH value, and the values that the inline filters must have, in
// their order, zero for any.
func (x *vectorIndex) searchCondition(d *definition, c condition) (hash mark, wanted []mark, err error) {
	hashName := x.hash()
	if c == nil {
		if hashName != "" {
			return mark{}, nil, invalid("%s must be provided when SearchSchema has a HASH key", searchLabel)
		}
		return mark{}, nil, nil
	}
	terms, err := conjuncts(searchLabel, c)
	if err != nil {
		return mark{}, nil, err
	}
	wanted = make([]mark, len(x.filterNames))
	seen := map[string]bool{}
	for _, c := range terms {
		name, v, err := equality(c)
		if err != nil {
			return mark{}, nil, err
		}
		switch want := d.attributeType(name); {
		case !x.searches(name):
			return mark{}, nil, invalid("Invalid %s: Attribute is not in the SearchSchema of index %s: %s", searchLabel, x.IndexName, name)
		case seen[name]:
			return mark{}, nil, invalid("Invalid %s: Only one condition per attribute is allowed: %s", searchLabel, name)
		case v.kind != want:
			return mark{}, nil, invalidParameter("Condition parameter type does not match schema type")
		}
		seen[name] = true
		if name == hashName {
			hash = markOf(v, true)
		} else {
			wanted[slices.Index(x.filterNames, name)] = markOf(v, true)
		}
	}
	if hashName != "" && !seen[hashName] {
		return mark{}, nil, invalid("Invalid %s: Missing condition on the HASH attribute of the SearchSchema: %s", searchLabel, hashName)
	}
	return hash, wanted, nil
}

// equality takes attribute = :value apart.
func equality(c condition) (name string, v value, err error) {
	e, ok := c.(comparison)
	if !ok || e.op != "=" {
		return "", value{}, invalid("Invalid %s: Invalid comparator used in %s", searchLabel, searchLabel)
	}
	a, isAttribute := e.left.(attribute)
	v, isValue := e.right.(value)
	if !isAttribute || !isValue {
		return "", value{}, invalid("Invalid %s: A condition must be an attribute, =, and a value", searchLabel)
	}
	return string(a), v, nil
}

// project is what the index holds of an item: projected attributes, and of
// vectors only those that the projection expression names.
func (x *vectorIndex) project(t *table, it item, e *expressions) item {
	out := item{}
	for name, v := range it {
		named := slices.Contains(e.projection, attribute(name))
		if x.projects(&t.definition, name) && (named || name != x.VectorAttribute.AttributeName) {
			out[name] = v
		}
	}
	return out
}
