// Package evaluation measures retrieval: it reads questions whose answering
// documents are known, in the formats that public collections have, and scores
// what was found.
package evaluation

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Set is questions, and the documents they are asked of where the file has them.
type Set struct {
	Name      string
	Documents []Document // empty where the library is to have them already
	Questions []Question
}

// Document is a text to put before the questions are asked.
type Document struct {
	ID, Title, Text string
}

// Question is one with the documents that answer it.
type Question struct {
	Text    string
	Answers map[string]int // document ID to how well it answers: 1 or more
}

// Read reads a file or folder:
//   - JSON lines, or a JSON array, of {"question", "document" or "documents"};
//   - SQuAD's JSON: each paragraph becomes a document, paragraph-0 and on;
//   - a folder as BEIR has them: corpus.jsonl, queries.jsonl, qrels/test.tsv.
func Read(path string) (Set, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Set{}, err
	}
	if !info.IsDir() {
		raw, err := os.ReadFile(path)
		if err != nil {
			return Set{}, err
		}
		return Parse(path, raw)
	}
	s, err := readBEIR(os.DirFS(path))
	return s.checked(path, err)
}

// Parse reads a file's content.
func Parse(path string, raw []byte) (Set, error) {
	s, err := readFile(raw)
	return s.checked(path, err)
}

// checked returns the set with its name, or what is wrong with it.
func (s Set) checked(path string, err error) (Set, error) {
	if err == nil && len(s.Questions) == 0 {
		err = errors.New("no question")
	}
	if err != nil {
		return Set{}, fmt.Errorf("%s: %w", path, err)
	}
	s.Name = strings.TrimSuffix(strings.TrimSuffix(filepath.Base(path), ".json"), ".jsonl")
	return s, nil
}

func readFile(raw []byte) (Set, error) {
	var squad struct {
		Data []article `json:"data"`
	}
	if json.Unmarshal(raw, &squad) == nil && squad.Data != nil {
		return readSQuAD(squad.Data), nil
	}
	var lines []line
	if json.Unmarshal(raw, &lines) != nil {
		for d := json.NewDecoder(bytes.NewReader(raw)); ; {
			var l line
			if err := d.Decode(&l); err == io.EOF {
				break
			} else if err != nil {
				return Set{}, fmt.Errorf("question %d: %w", len(lines)+1, err)
			}
			lines = append(lines, l)
		}
	}
	var s Set
	for i, l := range lines {
		q := Question{Text: l.Question, Answers: map[string]int{}}
		for _, id := range append(l.Documents, l.Document) {
			if id != "" {
				q.Answers[id] = 1
			}
		}
		if q.Text == "" || len(q.Answers) == 0 {
			return Set{}, fmt.Errorf("question %d: needs \"question\" and \"document\" or \"documents\"", i+1)
		}
		s.Questions = append(s.Questions, q)
	}
	return s, nil
}

type line struct {
	Question  string   `json:"question"`
	Document  string   `json:"document"`
	Documents []string `json:"documents"`
}

type article struct {
	Title      string `json:"title"`
	Paragraphs []struct {
		Context string `json:"context"`
		QAs     []struct {
			Question   string `json:"question"`
			Impossible bool   `json:"is_impossible"` // SQuAD 2: no paragraph answers it
		} `json:"qas"`
	} `json:"paragraphs"`
}

// readSQuAD gives no titles: many paragraphs share an article's.
func readSQuAD(articles []article) (s Set) {
	for _, a := range articles {
		for _, p := range a.Paragraphs {
			d := Document{ID: fmt.Sprintf("paragraph-%d", len(s.Documents)), Text: p.Context}
			s.Documents = append(s.Documents, d)
			for _, q := range p.QAs {
				if !q.Impossible {
					s.Questions = append(s.Questions, Question{q.Question, map[string]int{d.ID: 1}})
				}
			}
		}
	}
	return s
}

func readBEIR(dir fs.FS) (Set, error) {
	var s Set
	type text struct {
		ID    string `json:"_id"`
		Title string `json:"title"`
		Text  string `json:"text"`
	}
	each := func(name string, f func(text)) error {
		file, err := dir.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		for d := json.NewDecoder(bufio.NewReader(file)); ; {
			var t text
			if err := d.Decode(&t); err == io.EOF {
				return nil
			} else if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			f(t)
		}
	}
	if err := each("corpus.jsonl", func(t text) { s.Documents = append(s.Documents, Document(t)) }); err != nil {
		return Set{}, err
	}
	answers := map[string]map[string]int{}
	raw, err := fs.ReadFile(dir, "qrels/test.tsv")
	if err != nil {
		return Set{}, err
	}
	for i, l := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
		f := strings.Split(strings.TrimSpace(l), "\t")
		if i == 0 && f[0] == "query-id" {
			continue
		}
		if len(f) != 3 {
			return Set{}, fmt.Errorf("qrels/test.tsv: line %d has not 3 fields", i+1)
		}
		grade, err := strconv.Atoi(f[2])
		if err != nil {
			return Set{}, fmt.Errorf("qrels/test.tsv: line %d: %w", i+1, err)
		}
		if grade > 0 {
			if answers[f[0]] == nil {
				answers[f[0]] = map[string]int{}
			}
			answers[f[0]][f[1]] = grade
		}
	}
	err = each("queries.jsonl", func(t text) {
		if answers[t.ID] != nil { // the other queries are of other parts of the collection
			s.Questions = append(s.Questions, Question{t.Text, answers[t.ID]})
		}
	})
	return s, err
}
