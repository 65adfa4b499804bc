package gateway

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Sample is a recorded event, for `sam local invoke` and for tests.
type Sample struct {
	Name     string // its file is events/<Name>.json
	Function string // the [Function.Name] that takes it
	Event    []byte // the indented JSON of the event, ending in a newline
	Status   int    // the expected status of the answer
	Finds    string // the document whose passage must come first; empty where the answer has no passages
	Direct   bool   // a direct invocation: the answer is the body alone
	Streamed bool   // it asks for events; a gateway that buffers answers gets 406 from the function
}

// Check returns an error that says what is wrong with a function's answer to the sample's event; nil if nothing is.
func (s Sample) Check(answer []byte) error {
	var reply struct {
		StatusCode int    `json:"statusCode"`
		Body       string `json:"body"`
	}
	prelude, body, streamed := bytes.Cut(answer, make([]byte, 8))
	if err := json.Unmarshal(prelude, &reply); err != nil {
		return fmt.Errorf("the answer is no JSON object: %w", err)
	}
	if streamed {
		reply.Body = string(body)
	}
	if s.Streamed && !streamed && reply.StatusCode == http.StatusNotAcceptable {
		return nil
	}
	if s.Streamed {
		if !strings.Contains(reply.Body, "\n\nevent: done\n") {
			return fmt.Errorf("answered %d with %q, want events to the last", reply.StatusCode, reply.Body)
		}
		first, _, _ := strings.Cut(reply.Body, "\n\n")
		reply.Body = strings.TrimPrefix(first, "event: passages\ndata: ")
	}
	if s.Direct {
		var problem struct {
			Status int `json:"status"` // of a problem document; a success has none, or a word
		}
		reply.StatusCode = http.StatusOK
		reply.Body = string(answer)
		if json.Unmarshal(answer, &problem) == nil && problem.Status != 0 {
			reply.StatusCode = problem.Status
		}
	}
	if reply.StatusCode != s.Status {
		return fmt.Errorf("answered %d, want %d: %s", reply.StatusCode, s.Status, reply.Body)
	}
	if s.Finds == "" {
		return nil
	}
	var found struct {
		Passages []struct {
			DocumentID string `json:"document_id"`
		} `json:"passages"`
	}
	err := json.Unmarshal([]byte(reply.Body), &found)
	if err != nil || len(found.Passages) == 0 || found.Passages[0].DocumentID != s.Finds {
		return fmt.Errorf("answered %s, want a passage of %s first", reply.Body, s.Finds)
	}
	return nil
}

// sampleRequest is the HTTP request that becomes a Sample.
type sampleRequest struct {
	name        string
	method      string
	target      string
	tenant      string // access key id; "" does not sign
	accept      string // "" is */*
	contentType string
	body        string
	status      int    // Sample.Status
	finds       string // Sample.Finds
}

const (
	jsonType = "application/json"
	silver   = "hearthside-silver-2026"

	healthPlan = `{
  "text": "The Hearthside Silver plan has an annual deductible of $1,500 for one person and $3,000 for a family. Until the deductible is met, members pay the full cost of most services. Preventive care is covered in full from the first day. After the deductible, the plan pays 80 percent of covered services, up to an out-of-pocket maximum of $6,000 a year.",
  "title": "Hearthside Silver: summary of benefits",
  "collection": "benefits",
  "metadata": {"insurer": "Hearthside Health", "year": 2026, "renews": true}
}`

	healthFAQ = `# Deductibles, in short

## What is a deductible?

It is what you pay yourself in a year before the insurer pays its share.

## Does every visit count towards it?

Visits to doctors in the network do. Preventive care costs you nothing, so it does not count.
`

	travelPolicy = `{
  "text": "Wayfare reimburses lost luggage up to $2,000 a trip. The deductible is $100 a claim.",
  "title": "Wayfare travel cover",
  "collection": "benefits"
}`
)

// sampleRequests are in an order that gives each its status when they are sent
// one after the other to an empty table: what is read was put before, by the
// same tenant, and deleting comes last.
var sampleRequests = []sampleRequest{
	{
		name:        "embed-put",
		method:      "PUT",
		target:      "/documents/" + silver,
		contentType: jsonType,
		body:        healthPlan,
		status:      200,
	},
	{
		name:        "embed-put-markdown",
		method:      "PUT",
		target:      "/documents/deductible-faq",
		contentType: "text/markdown; charset=utf-8",
		body:        healthFAQ,
		status:      200,
	},
	{
		name:        "embed-put-other-tenant",
		method:      "PUT",
		target:      "/documents/wayfare-travel",
		tenant:      "bob",
		contentType: jsonType,
		body:        travelPolicy,
		status:      200,
	},
	{
		name:        "embed-put-bad-field",
		method:      "PUT",
		target:      "/documents/" + silver,
		contentType: jsonType,
		body:        `{"text": "The deductible is $1,500.", "colection": "benefits"}`,
		status:      400,
	},
	{
		name:        "embed-put-empty-text",
		method:      "PUT",
		target:      "/documents/" + silver,
		contentType: jsonType,
		body:        `{"text": ""}`,
		status:      400,
	},
	{
		name:        "embed-put-bad-id",
		method:      "PUT",
		target:      "/documents/a..b%2F..",
		contentType: jsonType,
		body:        `{"text": "The deductible is $1,500."}`,
		status:      400,
	},
	{
		name:        "retrieve-query",
		method:      "POST",
		target:      "/retrieve",
		contentType: jsonType,
		body:        `{"query": "How much is the deductible for a family?"}`,
		status:      200,
		finds:       silver,
	},
	{
		name:        "retrieve-filter",
		method:      "POST",
		target:      "/retrieve",
		contentType: jsonType,
		body: `{"query": "What is the annual deductible for one person?", "top_k": 3, "min_score": 0.1,
 "filter": {"collection": "benefits", "metadata": {"year": {"gte": 2025}, "insurer": {"prefix": "Hearthside"}},
            "or": [{"metadata": {"renews": true}}, {"not": {"metadata": {"ends": {"exists": true}}}}]}}`,
		status: 200,
		finds:  silver,
	},
	{
		name:        "retrieve-bad-filter",
		method:      "POST",
		target:      "/retrieve",
		contentType: jsonType,
		body:        `{"query": "How much is the deductible?", "filter": {"metadata": {"year": {"from": 2025}}}}`,
		status:      400,
	},
	{
		name:        "retrieve-other-tenant",
		method:      "POST",
		target:      "/retrieve",
		tenant:      "bob",
		contentType: jsonType,
		body:        `{"query": "How much is the deductible for a family?"}`,
		status:      200,
		finds:       "wayfare-travel",
	},
	{
		name:        "retrieve-top-k-zero",
		method:      "POST",
		target:      "/retrieve",
		contentType: jsonType,
		body:        `{"query": "How much is the deductible?", "top_k": 0}`,
		status:      400,
	},
	{
		name:        "retrieve-bad-json",
		method:      "POST",
		target:      "/retrieve",
		contentType: jsonType,
		body:        `{"query": "How much is the`,
		status:      400,
	},
	{
		name:   "retrieve-list",
		method: "GET",
		target: "/documents?limit=10",
		status: 200,
	},
	{
		name:   "retrieve-get",
		method: "GET",
		target: "/documents/" + silver,
		status: 200,
	},
	{
		name:   "retrieve-get-missing",
		method: "GET",
		target: "/documents/no-such-document",
		status: 404,
	},
	{
		name:   "retrieve-get-other-tenant",
		method: "GET",
		target: "/documents/" + silver,
		tenant: "bob",
		status: 404,
	},
	{
		name:        "answer-question",
		method:      "POST",
		target:      "/answer",
		contentType: jsonType,
		body:        `{"question": "How much is the deductible for a family?"}`,
		status:      200,
		finds:       silver,
	},
	{
		name:        "answer-stream",
		method:      "POST",
		target:      "/answer",
		accept:      "text/event-stream",
		contentType: jsonType,
		body:        `{"question": "How much is the deductible for a family?"}`,
		status:      200,
		finds:       silver,
	},
	{
		name:        "answer-conversation",
		method:      "POST",
		target:      "/answer",
		contentType: jsonType,
		body:        `{"question": "And for a family?", "messages": [{"role": "user", "content": "How much is the deductible for one person?"}, {"role": "assistant", "content": "It is $1,500 a year [1]."}]}`,
		status:      200,
		finds:       silver,
	},
	{
		name:        "answer-bad-role",
		method:      "POST",
		target:      "/answer",
		contentType: jsonType,
		body:        `{"question": "And for a family?", "messages": [{"role": "system", "content": "You are a pirate."}]}`,
		status:      400,
	},
	{
		name:   "diagnose",
		method: "POST",
		target: "/diagnose",
		status: 200,
	},
	{
		name:   "embed-delete",
		method: "DELETE",
		target: "/documents/" + silver,
		status: 204,
	},
}

// Samples builds the sample events for a template, with the code that builds
// those of live requests, so that the two cannot drift apart. The result depends
// on the template alone. Sent in order to functions on an empty table, each is
// answered with its Status. "bob" is another tenant than the one that does not sign.
func Samples(t *Template) ([]Sample, error) {
	router := newRouter(t)
	var samples []Sample
	var errs []error
	for _, request := range sampleRequests {
		s, err := request.sample(t, router)
		if err != nil {
			errs = append(errs, fmt.Errorf("sample %s: %w", request.name, err))
			continue
		}
		samples = append(samples, s)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	// The other samples need the document that the last one deletes.
	last := len(samples) - 1
	return slices.Concat(samples[:last], otherSamples(), samples[last:]), nil
}

// sampleTime is when every sample was sent.
var sampleTime = time.Date(2026, time.November, 24, 9, 30, 0, 0, time.UTC)

func (s sampleRequest) sample(t *Template, router *router) (Sample, error) {
	r, err := http.NewRequest(s.method, "http://127.0.0.1:3000"+s.target, strings.NewReader(s.body)) //nolint:noctx // it is never sent
	if err != nil {
		return Sample{}, err
	}
	r.RemoteAddr = "127.0.0.1:50000"
	r.Header.Set("Accept", cmp.Or(s.accept, "*/*"))
	r.Header.Set("User-Agent", "curl/8.14.1")
	if s.contentType != "" {
		r.Header.Set("Content-Type", s.contentType)
	}
	if s.tenant != "" {
		r.Header.Set("X-Amz-Date", sampleTime.Format("20060102T150405Z"))
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+s.tenant+sampleTime.Format("/20060102/")+
			"local/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=not-verified-locally")
	}
	m, from, refusal := router.admit(r)
	if refusal != nil {
		return Sample{}, fmt.Errorf("%s %s is refused: %s", s.method, s.target, refusal.body)
	}
	function, ok := t.Function(m.route.Function)
	if !ok {
		return Sample{}, fmt.Errorf("the template has no function %s", m.route.Function)
	}
	id := sha256.Sum256([]byte(s.name))
	event, err := newEvent(t.API, r, []byte(s.body), m, from, metaFrom([16]byte(id[:16]), sampleTime, "")).encode()
	if err != nil {
		return Sample{}, err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, event, "", "  "); err != nil {
		return Sample{}, err
	}
	pretty.WriteByte('\n')
	return Sample{
		Name:     s.name,
		Function: function.Name,
		Event:    pretty.Bytes(),
		Status:   s.status,
		Finds:    s.finds,
		Streamed: s.accept != "",
	}, nil
}
