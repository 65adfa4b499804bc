package dynamo

import "slices"

// hash is the attribute that splits the index, "" if none does.
func (v *vectorDefinition) hash() string {
	for _, e := range v.SearchSchema {
		if e.SearchSchemaElementType == "HASH" {
			return e.AttributeName
		}
	}
	return ""
}

// filters are the INLINE_FILTER attributes.
func (v *vectorDefinition) filters() []string {
	var names []string
	for _, e := range v.SearchSchema {
		if e.SearchSchemaElementType == "INLINE_FILTER" {
			names = append(names, e.AttributeName)
		}
	}
	return names
}

// searches reports whether name is in the search schema.
func (v *vectorDefinition) searches(name string) bool {
	return slices.ContainsFunc(v.SearchSchema, func(e searchElement) bool { return e.AttributeName == name })
}

// projects reports whether a search of an index of d can return the attribute.
func (v *vectorDefinition) projects(d *definition, name string) bool {
	return v.Projection.ProjectionType == "ALL" || d.isKey(name) || v.searches(name) ||
		slices.Contains(v.Projection.NonKeyAttributes, name)
}

func (d *definition) checkVectors() error {
	switch len(d.VectorIndexes) {
	case 0:
		return nil
	case 1:
		return d.checkVector(&d.VectorIndexes[0])
	}
	return invalidParameter("this endpoint supports one vector index a table")
}

func (d *definition) checkVector(v *vectorDefinition) error {
	attribute := v.VectorAttribute.AttributeName
	switch {
	case len(v.IndexName) < 3 || len(v.IndexName) > 255 || !validName.MatchString(v.IndexName):
		return invalidParameter("IndexName must be 3 to 255 characters of a-z, A-Z, 0-9, _, . and -: %q", v.IndexName)
	case attribute == "" || d.isKey(attribute) || v.searches(attribute):
		return invalidParameter("The vector attribute %q can not be empty, a key or in the SearchSchema. IndexName: %s", attribute, v.IndexName)
	case v.Dimensions < 1 || v.Dimensions > maxDimensions:
		return invalidParameter("Dimensions must be between 1 and %d, not %d. IndexName: %s", maxDimensions, v.Dimensions, v.IndexName)
	case v.DistanceFunction != "COSINE":
		return invalidParameter("this endpoint supports the DistanceFunction COSINE only, not %q", v.DistanceFunction)
	}
	if err := v.Projection.check(); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, e := range v.SearchSchema {
		switch {
		case e.SearchSchemaElementType != "HASH" && e.SearchSchemaElementType != "INLINE_FILTER":
			return invalidParameter("A SearchSchemaElementType is HASH or INLINE_FILTER, not %q. IndexName: %s", e.SearchSchemaElementType, v.IndexName)
		case seen[e.AttributeName]:
			return invalidParameter("Duplicate attribute in SearchSchema: %s. IndexName: %s", e.AttributeName, v.IndexName)
		case d.attributeType(e.AttributeName) == "":
			return invalid("One element in SearchSchema is not defined in attribute definitions")
		}
		seen[e.AttributeName] = true
	}
	filters := len(v.filters())
	if len(v.SearchSchema)-filters > 1 || filters > maxInlineFilters {
		return invalidParameter("SearchSchema can have at most one HASH and %d INLINE_FILTER elements. IndexName: %s", maxInlineFilters, v.IndexName)
	}
	return nil
}

func (p projected) check() error {
	switch names := len(p.NonKeyAttributes); p.ProjectionType {
	case "ALL", "KEYS_ONLY":
		if names > 0 {
			return invalidParameter("ProjectionType is %s, but NonKeyAttributes is specified", p.ProjectionType)
		}
	case "INCLUDE":
		if names == 0 {
			return invalidParameter("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
		}
	default:
		return invalidParameter("Unknown ProjectionType: %s", p.ProjectionType)
	}
	return nil
}
