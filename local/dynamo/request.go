package dynamo

import (
	"maps"
	"slices"
	"strings"
)

// request is what a call on items asks: the union of the parameters of all of
// them, since no two give one name different meanings.
type request struct {
	table, index string
	item         item
	key, start   item
	names        map[string]string
	values       map[string]value
	expressions  map[string]string // by parameter name; absent if not given
	limit, topK  *int
	vector       []value
	backward     bool
	selects      string
	returns      string // ReturnValues
	onFailure    string // ReturnValuesOnConditionCheckFailure
	keys         []item // BatchGetItem, one table's
	consistent   bool
	consumed     consumed
}

// legacy are parameters that expressions replaced in 2014. To ignore one, a
// condition for instance, would be worse than to refuse it.
var legacy = []string{"AttributesToGet", "AttributeUpdates", "ConditionalOperator", "Expected", "KeyConditions", "QueryFilter", "ScanFilter"}

func parseRequest(body string) (*request, error) {
	r := &reader{text: body}
	q := r.request()
	r.end()
	return q, r.err
}

func (r *reader) request() *request {
	q := &request{expressions: map[string]string{}}
	r.object(func(name string) {
		switch name {
		case "TableName":
			q.table = tableName(r.str())
		case "IndexName":
			q.index = r.str()
		case "Item":
			q.item = r.attributes()
		case "Key":
			q.key = r.attributes()
		case "Keys":
			r.array(func() { q.keys = append(q.keys, r.attributes()) })
		case "ExclusiveStartKey":
			q.start = r.attributes()
		case "ExpressionAttributeNames":
			q.names = map[string]string{}
			r.object(func(name string) { q.names[name] = r.str() })
		case "ExpressionAttributeValues":
			q.values = r.attributes()
		case "ConditionExpression", "FilterExpression", "KeyConditionExpression",
			"ProjectionExpression", "SearchConditionExpression", "UpdateExpression":
			q.expressions[name] = r.str()
		case "Limit":
			n := r.integer()
			q.limit = &n
		case "TopK":
			n := r.integer()
			q.topK = &n
		case "SearchVector":
			q.vector = []value{}
			r.array(func() { q.vector = append(q.vector, r.value()) })
		case "ScanIndexForward":
			q.backward = !r.boolean()
		case "ConsistentRead":
			q.consistent = r.boolean()
		case "ReturnConsumedCapacity":
			q.consumed = consumed(r.str())
		case "Select":
			q.selects = r.str()
		case "ReturnValues":
			q.returns = r.str()
		case "ReturnValuesOnConditionCheckFailure":
			q.onFailure = r.str()
		default:
			if slices.Contains(legacy, name) {
				r.fail(invalid("%s is a legacy parameter, which this endpoint does not support: use expressions", name))
			}
			r.skip()
		}
	})
	return q
}

// tableName takes the name out of a table's ARN; DynamoDB accepts both.
func tableName(s string) string {
	if strings.HasPrefix(s, "arn:") {
		if _, name, ok := strings.Cut(s, ":table/"); ok {
			return name
		}
	}
	return s
}

// projection names the attributes that a reader wants to see; nil is all of them.
type projection []attribute

func (p projection) apply(it item) item {
	if p == nil {
		return it
	}
	out := item{}
	for _, name := range p {
		if v, ok := name.in(it); ok {
			out[string(name)] = v
		}
	}
	return out
}

// expressions are a request's, parsed.
type expressions struct {
	condition, filter, keys, search condition // nil if not given
	update                          *update   // nil if not given
	projection                      projection
	filtered                        map[string]bool // those that the filter names
	heads                           map[string]bool // those that any of them names
}

// parse parses the expressions that the operation knows; with a :value in
// those of valued. It refuses placeholders that none of them uses.
func (q *request) parse(valued []string, others ...string) (*expressions, error) {
	if err := q.checkPlaceholders(valued, others); err != nil {
		return nil, err
	}
	p := newParser(q.names, q.values)
	e := &expressions{}
	for _, parameter := range slices.Concat(valued, others) {
		text, given := q.expressions[parameter]
		if !given {
			continue
		}
		switch parameter {
		case "ConditionExpression":
			e.condition = p.condition(parameter, text)
		case "FilterExpression":
			e.filter = p.condition(parameter, text)
			e.filtered = maps.Clone(p.heads) // the filter is parsed first
		case "KeyConditionExpression":
			e.keys = p.condition(parameter, text)
		case "SearchConditionExpression":
			e.search = p.condition(parameter, text)
		case "UpdateExpression":
			e.update = p.update(text)
		case "ProjectionExpression":
			e.projection = p.projection(text)
		}
		if p.err != nil {
			return nil, p.err
		}
	}
	e.heads = p.heads
	return e, p.unused()
}

// checkPlaceholders refuses names and values that come without an expression.
func (q *request) checkPlaceholders(valued, others []string) error {
	given := func(parameters []string) bool {
		return slices.ContainsFunc(parameters, func(s string) bool { _, ok := q.expressions[s]; return ok })
	}
	switch {
	case q.names != nil && !given(valued) && !given(others):
		return invalid("ExpressionAttributeNames can only be specified when using expressions")
	case q.names != nil && len(q.names) == 0:
		return invalid("ExpressionAttributeNames must not be empty")
	case q.values != nil && !given(valued):
		verb := "is"
		if len(valued) > 1 {
			verb = "are"
		}
		return invalid("ExpressionAttributeValues can only be specified when using expressions: %s %s null", strings.Join(valued, " and "), verb)
	case q.values != nil && len(q.values) == 0:
		return invalid("ExpressionAttributeValues must not be empty")
	}
	return nil
}

// oneOf checks a parameter that names one of a few values; absent is right.
func oneOf(parameter, got string, values ...string) error {
	if got == "" || slices.Contains(values, got) {
		return nil
	}
	return constraint("'"+got+"'", parameter, "Member must satisfy enum value set: ["+strings.Join(values, ", ")+"]")
}

// constraint is the error for a parameter that DynamoDB's model forbids.
func constraint(got, parameter, rule string) error {
	return invalid("1 validation error detected: Value %s at '%s' failed to satisfy constraint: %s", got, parameter, rule)
}
