package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"

	"ragtime/shared/metadata"
)

// remote is the API that the commands talk to.
type remote struct {
	Endpoint baseURL `help:"Base URL of the API." default:"http://127.0.0.1:3000" env:"RAGTIME_ENDPOINT"`
	Sign     bool    `help:"Sign requests with your AWS credentials, as a deployed API wants them."`
	Wait     seconds `help:"Seconds that the API may take for a request, if fewer than its own 25." placeholder:"N"`
}

// patient bounds a request by a time that the server always ends before: API
// Gateway's 29 s or what it was given, and some.
func (r remote) patient(ctx context.Context) (context.Context, context.CancelFunc) {
	patience := 35 * time.Second
	if r.Wait > 0 {
		patience = min(patience, time.Duration(r.Wait)*time.Second+10*time.Second)
	}
	return context.WithTimeoutCause(ctx, patience, fmt.Errorf("no answer in %v", patience))
}

// problem is what a person needs of a problem document.
type problem struct {
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Instance string `json:"instance"`
	Message  string `json:"message"` // API Gateway's own errors
}

// call sends a JSON request and decodes the answer into out. An answer that is
// no success becomes an error with the problem's detail.
func (r remote) call(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := r.patient(ctx)
	defer cancel()
	resp, err := r.send(ctx, method, path, "", in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(answer, out)
}

// mostAnswer is more bytes than any answer has.
const mostAnswer = 16 << 20

// send sends a JSON request that accepts a media type, any if it is empty, and
// gives the response of a success, whose body must be closed.
func (r remote) send(ctx context.Context, method, path, accept string, in any) (*http.Response, error) {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, string(r.Endpoint)+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	if r.Wait > 0 {
		req.Header.Set("Prefer", fmt.Sprintf("wait=%d", r.Wait))
	}
	if r.Sign {
		if err := sign(ctx, req, body); err != nil {
			return nil, err
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, r.Endpoint.unreached(ctx, err)
	}
	if resp.StatusCode >= 300 {
		defer resp.Body.Close()
		return nil, r.failure(resp)
	}
	return resp, nil
}

// failure is the error of a response that is no success.
func (r remote) failure(resp *http.Response) error {
	answer, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	if err != nil {
		return err
	}
	var p problem
	if json.Unmarshal(answer, &p) != nil || p.Detail+p.Message == "" {
		return &apiError{resp.StatusCode, fmt.Sprintf("%s answered %s", r.Endpoint, resp.Status)}
	}
	if p.Detail == "" {
		return &apiError{resp.StatusCode, fmt.Sprintf("%s answered %s: %s", r.Endpoint, resp.Status, plain(p.Message))}
	}
	return &apiError{resp.StatusCode, p.String()}
}

func (p problem) String() string {
	return fmt.Sprintf("%s: %s (operation %s)", plain(p.Title), plain(p.Detail), plain(p.Instance))
}

// sign signs for API Gateway in the region of the caller's AWS configuration.
func sign(ctx context.Context, req *http.Request, body []byte) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	if cfg.Region == "" {
		return errors.New("--sign needs a region: set AWS_REGION")
	}
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("--sign needs AWS credentials: %w", err)
	}
	sum := sha256.Sum256(body)
	return v4.NewSigner().SignHTTP(ctx, credentials, req, hex.EncodeToString(sum[:]), "execute-api", cfg.Region, time.Now())
}

// apiError is an answer that is no success.
type apiError struct {
	status int
	text   string
}

func (e *apiError) Error() string { return e.text }

// printJSON prints a value on a line.
func printJSON(v any) error {
	e := json.NewEncoder(os.Stdout)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

type document struct {
	Text       string       `json:"text"`
	Title      string       `json:"title,omitempty"`
	Collection string       `json:"collection,omitempty"`
	Metadata   metadata.Map `json:"metadata,omitempty"`
}

type putResult struct {
	Chunks   int `json:"chunks"`
	Embedded int `json:"embedded"`
	Reused   int `json:"reused"`
	// Unchanged says that the document was there already, as it is.
	Unchanged bool `json:"unchanged"`

	Replaced string `json:"-"` // the other source that the document came from before
}

func (r remote) put(ctx context.Context, id documentID, d document) (out putResult, err error) {
	err = r.call(ctx, http.MethodPut, id.path(), d, &out)
	return out, err
}

type query struct {
	Query    string   `json:"query"`
	TopK     int      `json:"top_k"`
	Filter   any      `json:"filter,omitempty"` // a *filter, or JSON
	MinScore *float64 `json:"min_score,omitempty"`
	Rank     string   `json:"rank,omitempty"`
}

type filter struct {
	DocumentID string       `json:"document_id,omitempty"`
	Collection string       `json:"collection,omitempty"`
	Metadata   metadata.Map `json:"metadata,omitempty"`
}

// labels reads metadata from flags: key=value is a string, key:=value what JSON
// makes of the value, such as year:=2026.
func labels(flags map[string]string) (metadata.Map, error) {
	out := metadata.Map{}
	for key, value := range flags {
		name, typed := strings.CutSuffix(key, ":")
		if !typed {
			out[key] = metadata.String(value)
			continue
		}
		v, err := metadata.Read(name, json.RawMessage(value))
		if err != nil {
			return nil, wrongUsage("--metadata %s=%s: %w", key, value, err)
		}
		out[name] = v
	}
	return out, nil
}

type passages struct {
	Passages []struct {
		DocumentID string   `json:"document_id"`
		Chunk      int      `json:"chunk"`
		Context    string   `json:"context"`
		Text       string   `json:"text"`
		Score      float64  `json:"score"`
		Title      string   `json:"title"`
		Words      []string `json:"words"`
	} `json:"passages"`
	// Incomplete says that there may be more, which the search did not get to.
	Incomplete bool `json:"incomplete"`
	Usage      struct {
		EmbeddingTokens int `json:"embedding_tokens"`
	} `json:"usage"`
}
