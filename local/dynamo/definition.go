package dynamo

import (
	"regexp"
	"slices"
)

// definition is what CreateTable fixed of a table, in the protocol's shape and
// as it is stored.
type definition struct {
	ID                   uint64 `json:",omitempty"` // of its items' bucket, no parameter
	TableName            string
	KeySchema            []keyElement
	AttributeDefinitions []attributeDefinition
	BillingMode          string
	VectorIndexes        []vectorDefinition `json:",omitempty"`
	Created              float64            `json:",omitempty"` // Unix seconds, no parameter
}

type keyElement struct{ AttributeName, KeyType string }

type attributeDefinition struct{ AttributeName, AttributeType string }

type vectorDefinition struct {
	IndexName        string
	VectorAttribute  struct{ AttributeName string }
	Dimensions       int
	DistanceFunction string
	SearchSchema     []searchElement `json:",omitempty"`
	Projection       struct {
		ProjectionType   string
		NonKeyAttributes []string `json:",omitempty"`
	}
}

type searchElement struct{ AttributeName, SearchSchemaElementType string }

// DynamoDB's limits to vector indexes.
const (
	maxDimensions    = 4096
	maxInlineFilters = 18
	maxTopK          = 100
)

var validName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{3,255}$`)

func (d *definition) hashKey() string { return d.KeySchema[0].AttributeName }

func (d *definition) sortKey() string { return d.KeySchema[1].AttributeName }

func (d *definition) isKey(name string) bool { return name == d.hashKey() || name == d.sortKey() }

// check refuses what this endpoint does not do, and of what DynamoDB refuses that
// which a template is likely to have wrong: others' tables, and linters, look for the rest.
func (d *definition) check() error {
	switch k := d.KeySchema; {
	case !validName.MatchString(d.TableName):
		return constraint("tableName", "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
	case d.BillingMode != "PAY_PER_REQUEST":
		return unsupported("the BillingMode " + d.BillingMode)
	case len(k) != 2 || k[0].KeyType != "HASH" || k[1].KeyType != "RANGE" || k[0].AttributeName == k[1].AttributeName:
		return unsupported("a KeySchema that is not of a HASH and a RANGE")
	case len(d.VectorIndexes) > 1:
		return unsupported("two vector indexes")
	}
	used := map[string]bool{d.hashKey(): true, d.sortKey(): true}
	for i := range d.VectorIndexes {
		if err := d.checkVector(&d.VectorIndexes[i]); err != nil {
			return err
		}
		for _, e := range d.VectorIndexes[i].SearchSchema {
			used[e.AttributeName] = true
		}
	}
	for _, a := range d.AttributeDefinitions {
		if a.AttributeType != "S" {
			return unsupported("a key or filter of type " + a.AttributeType)
		}
		if !used[a.AttributeName] {
			return invalidParameter("Some AttributeDefinitions are not used: %s", a.AttributeName)
		}
		delete(used, a.AttributeName)
	}
	for name := range used {
		return invalidParameter("Some index key attributes are not defined in AttributeDefinitions: %s", name)
	}
	return nil
}

func (d *definition) checkVector(v *vectorDefinition) error {
	hashes, filters := len(v.named("HASH")), len(v.named("INLINE_FILTER"))
	include := v.Projection.ProjectionType == "INCLUDE"
	switch attribute := v.VectorAttribute.AttributeName; {
	case !validName.MatchString(v.IndexName):
		return invalidParameter("IndexName must be 3 to 255 characters of a-z, A-Z, 0-9, _, . and -: %q", v.IndexName)
	case attribute == "" || d.isKey(attribute) || v.searches(attribute):
		return invalidParameter("The vector attribute %q can not be empty, a key or in the SearchSchema. IndexName: %s", attribute, v.IndexName)
	case v.Dimensions < 1 || v.Dimensions > maxDimensions:
		return invalidParameter("Dimensions must be between 1 and %d, not %d. IndexName: %s", maxDimensions, v.Dimensions, v.IndexName)
	case v.DistanceFunction != "COSINE":
		return unsupported("the DistanceFunction " + v.DistanceFunction)
	case hashes != 1 || filters > maxInlineFilters || hashes+filters != len(v.SearchSchema):
		return unsupported("a SearchSchema that is not of one HASH and at most 18 INLINE_FILTER elements")
	case !include && v.Projection.ProjectionType != "ALL" || include == (len(v.Projection.NonKeyAttributes) == 0):
		return unsupported("a Projection that is neither ALL nor an INCLUDE of attributes")
	}
	return nil
}

// named are the attributes of the search schema that are of that type.
func (v *vectorDefinition) named(elementType string) (names []string) {
	for _, e := range v.SearchSchema {
		if e.SearchSchemaElementType == elementType {
			names = append(names, e.AttributeName)
		}
	}
	return names
}

func (v *vectorDefinition) hash() string { return v.named("HASH")[0] }

// searches reports whether name is in the search schema.
func (v *vectorDefinition) searches(name string) bool {
	return slices.ContainsFunc(v.SearchSchema, func(e searchElement) bool { return e.AttributeName == name })
}

// projects reports whether a search of an index of d can return the attribute.
func (v *vectorDefinition) projects(d *definition, name string) bool {
	return v.Projection.ProjectionType == "ALL" || d.isKey(name) || v.searches(name) ||
		slices.Contains(v.Projection.NonKeyAttributes, name)
}
