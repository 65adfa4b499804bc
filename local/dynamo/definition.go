package dynamo

import (
	"regexp"
	"slices"
	"strings"
)

// definition is what CreateTable fixed of a table, in the protocol's shape and
// as it is stored.
type definition struct {
	ID                   uint64 `json:",omitempty"` // of its items' bucket, no parameter
	TableName            string
	KeySchema            []keyElement
	AttributeDefinitions []attributeDefinition
	BillingMode          string                       `json:",omitempty"`
	VectorIndexes        []vectorDefinition           `json:",omitempty"`
	TimeToLive           timeToLive                   `json:",omitzero"`
	Created              float64                      `json:",omitempty"` // Unix seconds
	GlobalIndexes        []struct{ IndexName string } `json:"GlobalSecondaryIndexes,omitempty"`
	LocalIndexes         []struct{ IndexName string } `json:"LocalSecondaryIndexes,omitempty"`
}

type keyElement struct{ AttributeName, KeyType string }

type attributeDefinition struct {
	AttributeName string
	AttributeType kind
}

type vectorDefinition struct {
	IndexName        string
	VectorAttribute  struct{ AttributeName string }
	Dimensions       int
	DistanceFunction string
	SearchSchema     []searchElement `json:",omitempty"`
	Projection       projected
}

type searchElement struct{ AttributeName, SearchSchemaElementType string }

type projected struct {
	ProjectionType   string
	NonKeyAttributes []string `json:",omitempty"`
}

// DynamoDB's limits to vector indexes.
const (
	maxDimensions    = 4096
	maxInlineFilters = 18
	maxTopK          = 100
)

var validName = regexp.MustCompile(`^[a-zA-Z0-9_.-]+$`)

func checkTableName(name string) error {
	switch {
	case name == "":
		return invalid("The parameter 'TableName' is required but was not present in the request")
	case len(name) < 3 || len(name) > 255:
		return invalid("TableName must be at least 3 characters long and at most 255 characters long")
	case !validName.MatchString(name):
		return constraint("'"+name+"'", "tableName", "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
	}
	return nil
}

// attributeType is the declared type of an attribute, "" if it has none.
func (d *definition) attributeType(name string) kind {
	for _, a := range d.AttributeDefinitions {
		if a.AttributeName == name {
			return a.AttributeType
		}
	}
	return ""
}

func (d *definition) hashKey() string { return d.KeySchema[0].AttributeName }

// sortKey is "" in a table without one.
func (d *definition) sortKey() string {
	if len(d.KeySchema) < 2 {
		return ""
	}
	return d.KeySchema[1].AttributeName
}

func (d *definition) isKey(name string) bool {
	return slices.ContainsFunc(d.KeySchema, func(k keyElement) bool { return k.AttributeName == name })
}

// check refuses what this endpoint cannot do, and what DynamoDB refuses that a
// template may have wrong.
func (d *definition) check() error {
	if err := checkTableName(d.TableName); err != nil {
		return err
	}
	switch {
	case len(d.GlobalIndexes) > 0 || len(d.LocalIndexes) > 0:
		return invalidParameter("this endpoint does not support global or local secondary indexes; it supports vector indexes")
	case d.BillingMode != "PAY_PER_REQUEST":
		return invalidParameter("this endpoint supports the BillingMode PAY_PER_REQUEST only, not %q", d.BillingMode)
	}
	for _, check := range []func() error{d.checkKeys, d.checkVectors, d.checkUse} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (d *definition) checkKeys() error {
	switch n := len(d.KeySchema); {
	case n == 0 || n > 2:
		return invalidParameter("a KeySchema has one element or two, not %d", n)
	case d.KeySchema[0].KeyType != "HASH":
		return invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
	case n == 2 && d.KeySchema[1].KeyType != "RANGE":
		return invalid("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
	case n == 2 && d.KeySchema[0].AttributeName == d.KeySchema[1].AttributeName:
		return invalid("Both the Hash Key and the Range Key element in the KeySchema have the same name")
	}
	var keys []string
	for _, k := range d.KeySchema {
		keys = append(keys, k.AttributeName)
	}
	for _, name := range keys {
		switch d.attributeType(name) {
		case kindS:
		case "":
			return invalidParameter("Some index key attributes are not defined in AttributeDefinitions. Keys: [%s], AttributeDefinitions: [%s]",
				strings.Join(keys, ", "), d.attributeNames())
		default:
			return invalidParameter("this endpoint supports keys of type S only: %s", name)
		}
	}
	return nil
}

func (d *definition) attributeNames() string {
	var names []string
	for _, a := range d.AttributeDefinitions {
		names = append(names, a.AttributeName)
	}
	return strings.Join(names, ", ")
}

// checkUse refuses a declared attribute that no key and no index uses.
func (d *definition) checkUse() error {
	for _, a := range d.AttributeDefinitions {
		used := d.isKey(a.AttributeName) || slices.ContainsFunc(d.VectorIndexes, func(v vectorDefinition) bool {
			return v.searches(a.AttributeName)
		})
		switch {
		case used:
		case len(d.VectorIndexes) == 0:
			return invalidParameter("Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions")
		default:
			return invalidParameter("Some AttributeDefinitions are not used. AttributeDefinitions: [%s], unused: %s", d.attributeNames(), a.AttributeName)
		}
	}
	return nil
}
