package dynamo

import "strings"

// DynamoDB's limits to keys, in bytes.
const (
	maxHashKey = 2048
	maxSortKey = 1024
)

// itemKey identifies an item within its table.
type itemKey struct{ hash, sort string }

// clone is a copy to keep: a request's key shares memory with the whole request.
func (k itemKey) clone() itemKey { return itemKey{strings.Clone(k.hash), strings.Clone(k.sort)} }

// keyOf is the key that Key in a request names: the key attributes, no other.
func (d *definition) keyOf(key item) (itemKey, error) {
	if len(key) != len(d.KeySchema) {
		return itemKey{}, invalid("The provided key element does not match the schema")
	}
	return d.keyIn(key)
}

// keyIn is the key of a whole item.
func (d *definition) keyIn(it item) (itemKey, error) {
	hash, sort := it[d.hashKey()], it[d.sortKey()]
	switch {
	case hash.kind != kindS || sort.kind != kindS:
		return itemKey{}, invalidParameter("Missing the key %s or %s in the item, or it is not of type S", d.hashKey(), d.sortKey())
	case hash.text == "" || sort.text == "":
		return itemKey{}, invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value.")
	case len(hash.text) > maxHashKey || len(sort.text) > maxSortKey:
		return itemKey{}, invalidParameter("A hash key has at most %d bytes, a range key %d", maxHashKey, maxSortKey)
	}
	return itemKey{hash.text, sort.text}, nil
}

// keyAttributes is the part of it that is its key, as LastEvaluatedKey has it.
func (d *definition) keyAttributes(it item) item {
	return item{d.hashKey(): it[d.hashKey()], d.sortKey(): it[d.sortKey()]}
}
