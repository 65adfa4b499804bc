package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/openai/openai-go/v3/option"

	"ragtime/shared/fault"
	"ragtime/shared/wire"
)

// maxErrorBody is how much of an error's body is read, in bytes. OpenAI's have less
// than 1 KiB.
const maxErrorBody = 16 << 10

// refusal is an answer with another status than 2xx.
type refusal struct {
	status int
	header http.Header

	// What the API names as the reason. Empty where it names none, or has a sentence.
	code  string
	kind  string // "type" in OpenAI's error
	param string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("status %d, code %q, type %q, parameter %q", r.status, r.code, r.kind, r.param)
}

func asRefusal(err error) (*refusal, bool) { return errors.AsType[*refusal](err) }

// refusalMiddleware is a middleware of openai-go that returns a refusal as an error. If
// openai-go read the refusal, it would wait for the body without limit, and lose the
// status where the body is not in OpenAI's format.
func refusalMiddleware(r *http.Request, next option.MiddlewareNext) (*http.Response, error) {
	resp, err := next(r)
	if err != nil || resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return resp, err
	}
	refused := &refusal{status: resp.StatusCode, header: resp.Header}
	refused.read(wire.ErrorBody(r.Context(), resp, maxErrorBody)) // a part of it is enough
	return nil, refused
}

// read reads the names in an error's body. OpenAI has them in "error", Gemini has a list of
// such objects, vLLM and TEI have them at the top. Ollama and gateways have only a
// sentence, which is left out since it may quote the request.
func (r *refusal) read(body []byte) {
	type names struct {
		Code   name `json:"code"`
		Type   name `json:"type"`
		Status name `json:"status"`
		Param  name `json:"param"`
	}
	var outer struct {
		names
		Error json.RawMessage `json:"error"`
	}
	body = bytes.TrimSpace(body)
	if bytes.HasPrefix(body, []byte("[")) {
		var list []json.RawMessage
		if json.Unmarshal(body, &list) != nil || len(list) == 0 {
			return
		}
		body = list[0]
	}
	if json.Unmarshal(body, &outer) != nil {
		return
	}
	found := outer.names
	if bytes.HasPrefix(outer.Error, []byte("{")) {
		found = names{}
		if json.Unmarshal(outer.Error, &found) != nil {
			return
		}
	}
	r.code = string(found.Code)
	r.kind = string(found.Type)
	r.param = string(found.Param)
	if r.kind == "" {
		r.kind = string(found.Status)
	}
}

// name is a string or a number in an error's body that looks like a name in a program.
// Anything else decodes as "".
type name string

const nameBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-[]$"

func (n *name) UnmarshalJSON(b []byte) error {
	s := strings.Trim(string(b), `"`)
	if s != "null" && len(s) <= 64 && strings.Trim(s, nameBytes) == "" {
		*n = name(s)
	}
	return nil
}

// outOfFunds are the codes and types by which OpenAI says that the account cannot pay, so
// that waiting does not help: https://platform.openai.com/docs/guides/error-codes
var outOfFunds = []string{"insufficient_quota", "billing_not_active", "billing_hard_limit_reached"}

func (r *refusal) outOfFunds() bool {
	return slices.Contains(outOfFunds, r.code) || slices.Contains(outOfFunds, r.kind)
}

const (
	outOfFundsDetail  = "openai: the account's quota is exhausted, or it is not active: see its billing page"
	rateLimitedDetail = "openai: rate limit reached"
)

// fault returns the refusal as a fault.
func (r *refusal) fault() *fault.Error {
	f := &fault.Error{Kind: fault.Upstream, Detail: "openai: answered " + strconv.Itoa(r.status), Cause: r}
	switch s := r.status; {
	case r.outOfFunds() || s == http.StatusPaymentRequired:
		f.Kind, f.Detail = fault.QuotaExhausted, outOfFundsDetail
	case s == http.StatusTooManyRequests:
		f.Kind, f.Detail = fault.RateLimited, rateLimitedDetail
		f.RetryAfter = wire.RetryAfter(r.header)
	case s == http.StatusUnauthorized || s == http.StatusForbidden:
		f.Detail = "openai: the API key was refused (" + strconv.Itoa(s) +
			"): check OPENAI_API_KEY or the secret behind OPENAI_API_KEY_SECRET"
	case s >= 500 || s == http.StatusRequestTimeout || s == http.StatusConflict:
		f.Kind = fault.Unavailable
		f.RetryAfter = wire.RetryAfter(r.header)
	case s < 400:
		f.Detail += r.redirectDetail()
	default:
		f.Detail += r.reason() + r.advice()
	}
	return f
}

// redirectDetail says where a redirect points. It is not followed, since the key would be
// sent there.
func (r *refusal) redirectDetail() string {
	to, err := url.Parse(r.header.Get("Location"))
	if err != nil || to.Hostname() == "" {
		return ", a redirect that is not followed: check OPENAI_BASE_URL"
	}
	return fmt.Sprintf(", a redirect to %q that is not followed, since the key would go there: if the API is there, say so in OPENAI_BASE_URL", to.Scheme+"://"+to.Host)
}

// reason is what the API names as the reason, in brackets; "" where it names none.
func (r *refusal) reason() string {
	var said []string
	if r.param != "" {
		said = append(said, "parameter "+r.param)
	}
	if code := r.code; code != "" && code != strconv.Itoa(r.status) {
		said = append(said, "code "+code)
	} else if r.kind != "" {
		said = append(said, "type "+r.kind)
	}
	if len(said) == 0 {
		return ""
	}
	return " (" + strings.Join(said, ", ") + ")"
}

// advice says what usually helps against such a refusal; "" where nothing is known to.
func (r *refusal) advice() string {
	switch {
	case r.code == "model_not_found":
		return ": no such model; check RAGTIME_EMBEDDING_MODEL"
	case r.status == http.StatusNotFound:
		return ": no such model or path; check RAGTIME_EMBEDDING_MODEL and OPENAI_BASE_URL"
	case r.status == http.StatusRequestEntityTooLarge:
		return ": the request is too large for it; lower inputs or tokens in RAGTIME_PROVIDER_SETTINGS"
	case r.status == http.StatusBadRequest || r.status == http.StatusUnprocessableEntity:
		return ": check that RAGTIME_PROVIDER names who answers there"
	}
	return ""
}
