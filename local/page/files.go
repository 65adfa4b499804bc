package page

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"

	"ragtime/local/network"
	"ragtime/local/textfile"
	"ragtime/shared/metadata"
)

// mostFile is what a dropped file may have, in bytes: more than a document, so that
// the API says how much a document may have.
const mostFile = 2 << 20

// putFile is the answer to a file that was put, or not.
type putFile struct {
	DocumentID string `json:"document_id,omitempty"`
	Title      string `json:"title,omitempty"`
	Chunks     int    `json:"chunks"`
	Embedded   int    `json:"embedded"`
	Unchanged  bool   `json:"unchanged,omitempty"`
	Replaced   string `json:"replaced,omitempty"` // the source that the document had before
	Problem    string `json:"problem,omitempty"`  // why it was not put
}

// files puts a file, the request's body, under the id and title that `ragtime put`
// would give it. Its path, relative to what was dropped, is the query's "path".
// The answer is 200 with a putFile, also where the file was not put.
func (p *Page) files(w http.ResponseWriter, r *http.Request) {
	out, err := p.putFile(r)
	if err != nil {
		out.Problem = err.Error()
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(out)
}

func (p *Page) putFile(r *http.Request) (out putFile, err error) {
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Query().Get("path")), "/")
	if !textfile.Is(name) {
		return out, fmt.Errorf("only %s files are taken", either(textfile.Endings))
	}
	text, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, mostFile))
	if err != nil {
		return out, fmt.Errorf("the file is too large: %w", err)
	}
	if err := textfile.Check(name, text); err != nil {
		return out, err
	}
	out.DocumentID, out.Title = textfile.ID(name), textfile.Title(string(text), path.Base(name))
	at := "/documents/" + url.PathEscape(out.DocumentID)
	var before struct{ Metadata metadata.Map }
	if status, err := p.call(r.Context(), http.MethodGet, at, nil, &before); err != nil && status != http.StatusNotFound {
		return out, err
	}
	document := map[string]any{"text": string(text), "title": out.Title, "metadata": map[string]string{"source": name}}
	if _, err := p.call(r.Context(), http.MethodPut, at, document, &out); err != nil {
		return out, err
	}
	if from := before.Metadata["source"].Text(); from != name {
		out.Replaced = from
	}
	return out, nil
}

// call sends a request to the API and decodes the answer into out; nil leaves it. An
// answer that is no success is an error with its detail.
func (p *Page) call(ctx context.Context, method, at string, in, out any) (status int, err error) {
	var body []byte
	if in != nil {
		if body, err = json.Marshal(in); err != nil {
			return 0, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://localhost"+at, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.RemoteAddr, req.RequestURI = "127.0.0.1:0", at
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	status, _, answer := network.Capture(p.api, req)
	if status >= 300 {
		var problem struct{ Title, Detail, Message string }
		_ = json.Unmarshal(answer, &problem) // what is no JSON has no detail
		return status, fmt.Errorf("%s", cmp.Or(problem.Detail, problem.Message, fmt.Sprint(status, " ", http.StatusText(status))))
	}
	if out == nil {
		return status, nil
	}
	return status, json.Unmarshal(answer, out)
}

// either lists words: "a, b or c".
func either(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
