// Package samples holds the documents that the local system starts with:
// what a fictional health insurer, Larkfield Health, tells its members about
// its plans, claims, appeals, medicines and the rest. They were written for
// this project; the company, its prices and its telephone numbers are invented.
//
// The package also has questions that a member might ask. Each names the document
// that answers it best, to measure whether retrieval finds it, and the fact in it, to
// measure whether an answer rests on it.
//
// A figure is the same in all documents, such as a plan's deductible, so that an
// answer does not depend on which document was retrieved.
package samples

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed *.md
var documents embed.FS

//go:embed questions.json
var questions []byte

// A Document is one Markdown text of 300 to 1,500 words.
type Document struct {
	ID    string // the file's name without .md; fit for a URL path segment
	Title string // the text's first heading, without its mark
	Text  string // the whole file, the title's line included; UTF-8
}

// A Question is something a member might ask.
type Question struct {
	Question string `json:"question"`
	Document string `json:"document"` // ID of the Document that answers it best
	Fact     string `json:"fact"`     // what an answer rests on, in that document's words: a part of a line
}

// Documents returns every document, sorted by ID. The slice is the caller's.
func Documents() []Document {
	// The files are part of the program, so a failure is a broken build, which the
	// tests catch. Therefore Documents returns no error.
	names, err := fs.Glob(documents, "*.md")
	if err != nil {
		panic(fmt.Sprintf("samples: list the embedded documents: %v", err))
	}
	docs := make([]Document, 0, len(names))
	for _, name := range names {
		text, err := documents.ReadFile(name)
		if err != nil {
			panic(fmt.Sprintf("samples: read the embedded %s: %v", name, err))
		}
		docs = append(docs, Document{
			ID:    strings.TrimSuffix(name, ".md"),
			Title: title(string(text)),
			Text:  string(text),
		})
	}
	// A directory lists "a-b.md" before "a.md", but the ID "a" comes before "a-b".
	slices.SortFunc(docs, func(a, b Document) int { return strings.Compare(a.ID, b.ID) })
	return docs
}

// Questions returns every question in the file's order. The slice is the caller's.
func Questions() []Question {
	var qs []Question
	if err := json.Unmarshal(questions, &qs); err != nil {
		panic(fmt.Sprintf("samples: decode the embedded questions.json: %v", err))
	}
	return qs
}

// title returns the heading on the first line, or "" if there is none.
func title(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	heading, ok := strings.CutPrefix(line, "# ")
	if !ok {
		return ""
	}
	return strings.TrimSpace(heading)
}
