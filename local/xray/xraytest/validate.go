// Package xraytest checks documents against X-Ray's published schema. It is for
// tests: nothing else needs the validator.
package xraytest

import (
	"bytes"
	_ "embed"
	"fmt"
	"regexp"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemaJSON is version 1.0.0 of the schema that the X-Ray developer guide links to
// ("X-Ray segment documents"), unchanged. Its rule for cause is said to be stricter
// than X-Ray; what Ragtime sends satisfies it.
//
//go:embed xray-segmentdocument-schema-v1.0.0.json
var schemaJSON []byte

// Validate checks a document that is sent on its own: a segment, or a subsegment with
// a trace_id and a parent_id.
func Validate(document []byte) error {
	schema, err := loadSchema()
	if err != nil {
		return err
	}
	if len(document) > maxDocument {
		return fmt.Errorf("the document has %d bytes: X-Ray takes %d", len(document), maxDocument)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

// maxDocument is X-Ray's limit of a document, in bytes.
const maxDocument = 64 << 10

var loadSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaJSON))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.UseRegexpEngine(compileECMA)
	if err := c.AddResource("xray.json", v); err != nil {
		return nil, err
	}
	return c.Compile("xray.json")
})

// compileECMA compiles a pattern of the schema, which escapes characters as ECMA-262 does: \uXXXX.
func compileECMA(pattern string) (jsonschema.Regexp, error) {
	r, err := regexp.Compile(unicodeEscape.ReplaceAllString(pattern, `\x{$1}`))
	if err != nil {
		return nil, err
	}
	return r, nil
}

var unicodeEscape = regexp.MustCompile(`\\u([0-9a-fA-F]{4})`)
