package dynamo

import "strings"

// DynamoDB's limits to keys, in bytes.
const (
	maxHashKey = 2048
	maxSortKey = 1024
)

// itemKey identifies an item within its table; sort is "" in a table without a
// sort key.
type itemKey struct{ hash, sort string }

// clone is a copy to keep: a request's key shares memory with the whole request.
func (k itemKey) clone() itemKey { return itemKey{strings.Clone(k.hash), strings.Clone(k.sort)} }

// keyOf is the key that Key in a request names: the key attributes, no other.
func (d *definition) keyOf(key item) (itemKey, error) {
	if key == nil {
		return itemKey{}, constraint("null", "key", "Member must not be null")
	}
	mismatch := invalid("The provided key element does not match the schema")
	if len(key) != len(d.KeySchema) {
		return itemKey{}, mismatch
	}
	for _, k := range d.KeySchema {
		if v, ok := key[k.AttributeName]; !ok || v.kind != d.attributeType(k.AttributeName) {
			return itemKey{}, mismatch
		}
	}
	return d.encodeKey(key)
}

// keyIn is the key of a whole item.
func (d *definition) keyIn(it item) (itemKey, error) {
	for _, k := range d.KeySchema {
		v, ok := it[k.AttributeName]
		if !ok {
			return itemKey{}, invalidParameter("Missing the key %s in the item", k.AttributeName)
		}
		if want := d.attributeType(k.AttributeName); v.kind != want {
			return itemKey{}, invalidParameter("Type mismatch for key %s expected: %s actual: %s", k.AttributeName, want, v.kind)
		}
	}
	return d.encodeKey(it)
}

func (d *definition) encodeKey(it item) (itemKey, error) {
	var k itemKey
	var err error
	k.hash, err = encodeKeyPart(d.hashKey(), it[d.hashKey()], maxHashKey, "Size of hashkey has exceeded the maximum size limit of2048 bytes")
	if err == nil && d.sortKey() != "" {
		k.sort, err = encodeKeyPart(d.sortKey(), it[d.sortKey()], maxSortKey, "Aggregated size of all range keys has exceeded the size limit of 1024 bytes")
	}
	return k, err
}

func encodeKeyPart(name string, v value, limit int, tooLong string) (string, error) {
	switch {
	case v.text == "":
		return "", invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: %s", name)
	case len(v.text) > limit:
		return "", invalidParameter("%s", tooLong)
	}
	return v.text, nil
}

// keyAttributes is the part of it that is its key, as LastEvaluatedKey has it.
func (d *definition) keyAttributes(it item) item {
	key := item{}
	for _, k := range d.KeySchema {
		key[k.AttributeName] = it[k.AttributeName]
	}
	return key
}
