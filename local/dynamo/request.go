package dynamo

import "slices"

// request is what a call on items asks: the union of the parameters of all of
// them, since no two give one name different meanings.
type request struct {
	table, index string
	item         item
	key, start   item
	names        map[string]string
	values       map[string]value
	expressions  map[string]string // by parameter name; absent if not given
	limit, topK  int               // 0 if not given
	vector       []value
	returns      string // ReturnValues
	onFailure    string // ReturnValuesOnConditionCheckFailure
	keys         []item // BatchGetItem
	consistent   bool
	consumed     consumed
}

func parseRequest(body string) (*request, error) {
	r := &reader{text: body}
	q := r.request()
	r.end()
	return q, r.err
}

// request reads the parameters. One that is not known here is refused: to ignore it,
// a condition for instance, would be worse.
func (r *reader) request() *request {
	q := &request{expressions: map[string]string{}}
	r.object(func(name string) {
		switch name {
		case "TableName":
			q.table = r.str()
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
			if q.limit = r.integer(); q.limit < 1 {
				r.fail(constraint("limit", "Member must have value greater than or equal to 1"))
			}
		case "TopK":
			if q.topK = r.integer(); q.topK < 1 || q.topK > maxTopK {
				r.fail(invalid("Provided TopK value '%d' is out of valid range. The value must be between 1 and %d inclusive", q.topK, maxTopK))
			}
		case "SearchVector":
			r.array(func() { q.vector = append(q.vector, r.value()) })
		case "ConsistentRead":
			q.consistent = r.boolean()
		case "ReturnConsumedCapacity":
			q.consumed = r.consumed()
		case "ReturnValues":
			q.returns = r.oneOf(name, "NONE", "ALL_NEW")
		case "ReturnValuesOnConditionCheckFailure":
			q.onFailure = r.oneOf(name, "NONE", "ALL_OLD")
		default:
			r.fail(unsupported("the parameter " + name))
		}
	})
	return q
}

// oneOf reads a parameter that names one of a few values.
func (r *reader) oneOf(parameter string, values ...string) string {
	got := r.str()
	if !slices.Contains(values, got) {
		r.fail(unsupported(parameter + " " + got))
	}
	return got
}

// expressions are a request's, parsed.
type expressions struct {
	condition, filter, keys, search condition // nil if not given
	update                          *update   // nil if not given
	projection                      projection
	heads                           map[string]bool // the attributes that any of them names
}

// parse parses the expressions, of which the operation knows some. It refuses
// placeholders that none of them uses.
func (q *request) parse(known ...string) (*expressions, error) {
	p := newParser(q.names, q.values)
	e := &expressions{heads: p.heads}
	for label, text := range q.expressions {
		if !slices.Contains(known, label) {
			return nil, unsupported("the parameter " + label + " here")
		}
		p.read(label, text, func() {
			switch label {
			case "ConditionExpression":
				e.condition = p.condition()
			case "FilterExpression":
				e.filter = p.condition()
			case "KeyConditionExpression":
				e.keys = p.condition()
			case "SearchConditionExpression":
				e.search = p.condition()
			case "UpdateExpression":
				e.update = p.update()
			case "ProjectionExpression":
				e.projection = p.projection()
			}
		})
		if p.err != nil {
			return nil, p.err
		}
	}
	return e, p.unused()
}
