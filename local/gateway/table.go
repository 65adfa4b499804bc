package gateway

import (
	"math"

	"go.yaml.in/yaml/v3"
)

// Table is the template's AWS::DynamoDB::Table: what CreateTable needs.
type Table struct {
	LogicalID     string
	Name          string // the physical name that !Ref gives
	BillingMode   string
	Attributes    []Attribute
	Key           []KeyElement
	VectorIndexes []VectorIndex
	TTLAttribute  string // "" when items do not expire
}

// Attribute is one attribute definition. Type is S, N or B.
type Attribute struct{ Name, Type string }

// KeyElement is one element of a key schema (Type HASH or RANGE) or of a
// vector index's search schema (HASH or INLINE_FILTER).
type KeyElement struct{ Attribute, Type string }

// VectorIndex is one vector index of the table.
type VectorIndex struct {
	Name             string
	Attribute        string // the list of numbers that is indexed
	Dimensions       int
	Distance         string // such as COSINE
	SearchSchema     []KeyElement
	ProjectionType   string   // ALL, KEYS_ONLY or INCLUDE
	NonKeyAttributes []string // with INCLUDE
}

func (d *document) readTable() Table {
	var table Table
	for _, r := range d.resources {
		if r.kind != kindTable {
			continue
		}
		if table.LogicalID != "" {
			d.errorf(r.at, "%s: a second table; one is supported, %s", r.id, table.LogicalID)
			continue
		}
		table = d.table(r)
	}
	return table
}

func (d *document) table(r resource) Table {
	need := func(n *yaml.Node, key string) string { return d.need(n, n, key, r.id) }
	t := Table{LogicalID: r.id, Name: d.ref(r.at, r.id, r.id)}
	if name := child(r.properties, "TableName"); name != nil && d.overrides[r.id] == "" {
		t.Name = d.text(name, r.id+" TableName")
	}
	t.BillingMode = "PROVISIONED" // CloudFormation's default
	if mode := child(r.properties, "BillingMode"); mode != nil {
		t.BillingMode = d.text(mode, r.id+" BillingMode")
	}
	defined := map[string]bool{}
	for _, n := range items(child(r.properties, "AttributeDefinitions")) {
		a := Attribute{need(n, "AttributeName"), need(n, "AttributeType")}
		t.Attributes = append(t.Attributes, a)
		defined[a.Name] = true
	}
	schema := func(list *yaml.Node, kind string) []KeyElement {
		var elements []KeyElement
		for _, n := range items(list) {
			e := KeyElement{need(n, "AttributeName"), need(n, kind)}
			if !defined[e.Attribute] {
				d.errorf(n, "%s: %s is not in AttributeDefinitions", r.id, e.Attribute)
			}
			elements = append(elements, e)
		}
		return elements
	}
	if t.Key = schema(child(r.properties, "KeySchema"), "KeyType"); len(t.Key) == 0 {
		d.errorf(r.at, "%s: KeySchema is missing", r.id)
	}
	for _, n := range items(child(r.properties, "VectorIndexes")) {
		index := VectorIndex{
			Name:           need(n, "IndexName"),
			Attribute:      d.need(child(n, "VectorAttribute"), n, "AttributeName", r.id+" VectorAttribute"),
			Dimensions:     d.integer(child(n, "Dimensions"), r.id+" Dimensions", 0, 1, math.MaxInt32),
			Distance:       need(n, "DistanceFunction"),
			SearchSchema:   schema(child(n, "SearchSchema"), "SearchSchemaElementType"),
			ProjectionType: d.need(child(n, "Projection"), n, "ProjectionType", r.id),
		}
		if child(n, "Dimensions") == nil {
			d.errorf(n, "%s: Dimensions is missing", r.id)
		}
		for _, a := range items(child(child(n, "Projection"), "NonKeyAttributes")) {
			index.NonKeyAttributes = append(index.NonKeyAttributes, d.text(a, r.id+" NonKeyAttributes"))
		}
		t.VectorIndexes = append(t.VectorIndexes, index)
	}
	ttl := child(r.properties, "TimeToLiveSpecification")
	if ttl != nil && literal(child(ttl, "Enabled")) != "false" {
		t.TTLAttribute = need(ttl, "AttributeName")
	}
	return t
}

// need resolves a key that n must have. at is the place to name when n itself
// is missing.
func (d *document) need(n, at *yaml.Node, key, what string) string {
	value := child(n, key)
	if value == nil {
		if n = follow(n); n != nil {
			at = n
		}
		d.errorf(at, "%s: %s is missing", what, key)
		return ""
	}
	return d.text(value, what+" "+key)
}
