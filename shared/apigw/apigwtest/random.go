package apigwtest

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"ragtime/shared/apigw"
	"ragtime/shared/config"
)

// CI sends more events: go test ./functions/... -events 100000
var eventCount = flag.Int("events", 2000, "how many events at random a function's test sends")

var rules = []string{"account", "caller", "header", "claim", "authorizer:tenant"}

// AnyEvent sends random events to the handlers for each rule: mutations of the corpus and of
// the function's own calls. Each answer must be well formed and no 5xx. The victim, whom
// events name in places that are no identity, must not be the tenant of any document that
// is used: asked is as for Forged.
func AnyEvent(t *testing.T, calls []Call, handler func(config.Tenancy) apigw.Func, asked func() []string) {
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(slog.NewJSONHandler(io.Discard, nil)))
	seed := rand.Uint64()
	m := mutator{rand.New(rand.NewPCG(seed, 0)), corpus(t)}
	handlers := map[string]apigw.Func{}
	for _, r := range rules {
		handlers[r] = handler(Rule(r))
	}
	served := 0
	for i := range *eventCount {
		rule := rules[m.IntN(len(rules))]
		event := m.event(calls, rule)
		answer := Invoke(t, t.Context(), handlers[rule], event)
		if problem := answerProblem(answer); problem != "" {
			t.Fatalf("seed %d, event %d, rule %s: %s\nevent:  %s\nanswer: %s", seed, i, rule, problem, event, answer)
		}
		for _, tenant := range asked() {
			served++
			if strings.Contains(tenant, victimAccount) {
				t.Fatalf("seed %d, event %d, rule %s: asked for the documents of %s\nevent: %s", seed, i, rule, tenant, event)
			}
		}
	}
	if len(calls[0].Resource) > len("/diagnose") && served < *eventCount/100 {
		t.Errorf("%d of %d events were served: the mutations hide the handler", served, *eventCount)
	}
}

// answerProblem says what is wrong with an answer; "" if it is well formed.
func answerProblem(answer []byte) string {
	var a struct {
		StatusCode  *int              `json:"statusCode"`
		Headers     map[string]string `json:"headers"`
		Body        string            `json:"body"`
		Status      any               `json:"status"`
		OperationID string            `json:"operation_id"`
		Instance    string            `json:"instance"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return "no JSON object: " + err.Error()
	}
	if a.StatusCode == nil { // to a direct invocation, or a foreign event
		status, failed := a.Status.(float64)
		switch {
		case a.OperationID == "" && a.Instance == "":
			return "it has no operation's id"
		case failed && status >= 500:
			return "a failure of ours"
		}
		return ""
	}
	switch s := *a.StatusCode; {
	case s < 200 || s >= 500:
		return "a failure of ours"
	case s != 204 && !json.Valid([]byte(a.Body)), s == 204 && a.Body != "":
		return "the body is not what the status says"
	case s != 200 && a.Headers["Ragtime-Operation-Id"] == "":
		return "no operation's id"
	}
	return ""
}

type mutator struct {
	*rand.Rand
	corpus []any
}

func (m mutator) event(calls []Call, rule string) []byte {
	var e any
	if m.IntN(2) == 0 {
		e = m.copy(m.corpus[m.IntN(len(m.corpus))])
	} else {
		from := Caller{forgerAccount, forgerRole, "session"}
		call := calls[m.IntN(len(calls))]
		one := call.REST(from)
		if m.IntN(2) == 0 {
			one = call.HTTP(from)
		}
		switch m.IntN(4) {
		case 0: // nobody
			context := one["requestContext"].(M)
			delete(context, "identity")
			delete(context, "authorizer")
		case 1, 2: // the identity that the rule needs
			m.addIdentity(one, rule)
		}
		e = m.copy(one)
	}
	for range m.IntN(5) {
		e = m.mutate(e, 0)
	}
	m.plantVictim(e, rule)
	raw, err := json.Marshal(e)
	if err != nil {
		panic(err) // it is of maps, lists and scalars
	}
	if o, ok := e.(M); ok && len(o) > 0 && m.IntN(10) == 0 { // a name twice
		name, _ := json.Marshal(m.name(o))
		value, _ := json.Marshal(m.value())
		raw = slices.Concat([]byte("{"), name, []byte(":"), value, []byte(","), bytes.TrimPrefix(raw, []byte("{")))
	}
	return raw
}

// addIdentity adds the identity that a rule needs beside, or in place of, the IAM one.
func (m mutator) addIdentity(e M, rule string) {
	context := e["requestContext"].(M)
	switch said, claims := (M{"tenant": "forger"}), (M{"claims": M{"sub": "forger"}}); {
	case rule == "header":
		e["headers"].(M)["ragtime-tenant"] = "forger"
	case rule == "claim" && e["version"] == "2.0":
		context["authorizer"] = M{"jwt": claims}
	case rule == "claim":
		context["authorizer"] = claims
	case rule != "authorizer:tenant":
	case e["version"] == "2.0":
		context["authorizer"] = M{"lambda": said}
	default:
		context["authorizer"] = said
	}
}

// plantVictim names the victim in places where the rule must not look.
func (m mutator) plantVictim(e any, rule string) {
	o, ok := e.(M)
	if !ok || m.IntN(2) == 0 {
		return
	}
	places := []func(){
		func() { o["accountId"] = victimAccount },
		func() { o["tenant"] = victimAccount },
		func() { m.setVictim(o, "requestContext", "accountId") },
		func() { m.setVictim(o, "requestContext", "tenant") },
		func() { m.setVictim(o, "headers", "X-Tenant") },
		func() { m.setVictim(o, "queryStringParameters", "tenant") },
		func() { m.setVictim(o, "stageVariables", "tenant") },
	}
	if rule != "header" {
		places = append(places, func() { m.setVictim(o, "headers", "Ragtime-Tenant") })
	}
	for range 1 + m.IntN(3) {
		places[m.IntN(len(places))]()
	}
}

func (m mutator) setVictim(o M, object, name string) {
	if in, ok := o[object].(M); ok {
		in[name] = victimAccount
	}
}

// mutate changes one thing somewhere in v.
func (m mutator) mutate(v any, depth int) any {
	if m.IntN(4) == 0 && depth > 0 {
		return m.value()
	}
	switch v := v.(type) {
	case M:
		name := m.name(v)
		switch m.IntN(8) {
		case 0:
			delete(v, name)
		case 1:
			v[m.word()] = m.value()
		case 2:
			was := v[name]
			delete(v, name)
			v[flipCase(name)] = was
		case 3:
			v[name] = []any{v[name]}
		default:
			if _, ok := v[name]; ok {
				v[name] = m.mutate(v[name], depth+1)
			}
		}
		return v
	case []any:
		if len(v) == 0 || m.IntN(4) == 0 {
			return append(v, m.value())
		}
		i := m.IntN(len(v))
		v[i] = m.mutate(v[i], depth+1)
		return v
	}
	return m.value()
}

func (m mutator) name(o M) string {
	if len(o) == 0 {
		return ""
	}
	names := slices.Sorted(maps.Keys(o)) // so that a seed gives the same events again
	return names[m.IntN(len(names))]
}

// eventNames are names that mean something in some event.
var eventNames = []string{
	"requestContext", "httpMethod", "http", "identity", "authorizer", "iam", "jwt", "claims", "lambda",
	"accountId", "callerId", "caller", "version", "routeKey", "rawPath", "rawQueryString", "headers",
	"multiValueHeaders", "body", "isBase64Encoded", "pathParameters", "stage", "resource", "path", "method",
	"elb", "connectionId", "methodArn", "source", "detail-type", "warmer", "query", "text", "document_id",
	"title", "Records", "", "\u0000", "ragtime-tenant", "Prefer", "Content-Type",
}

func (m mutator) word() string { return eventNames[m.IntN(len(eventNames))] }

var eventValues = []any{
	nil, true, false, 0.0, -1.5, 1e300, "", " ", "x", "\u0000", "é", "2.0", "GET", "PUT", "POST",
	"/documents/a", "/retrieve", "$default", "%zz", "a=1;b", "text/plain", "wait=10", "aws.events",
	"Scheduled Event", "serverless-plugin-warmup", "eyJxdWVyeSI6ImEifQ==", M{}, []any{}, []any{"a", "b"},
	M{"a": M{"b": M{}}}, "777777777777", "AROAOTHEROTHER:s", long,
}

func (m mutator) value() any {
	if m.IntN(3) == 0 {
		e := m.copy(m.corpus[m.IntN(len(m.corpus))])
		for o, ok := e.(M); ok && m.IntN(3) > 0; o, ok = e.(M) {
			e = o[m.name(o)]
		}
		return e
	}
	return m.copy(eventValues[m.IntN(len(eventValues))])
}

// copy makes a deep copy.
func (m mutator) copy(v any) any {
	switch v := v.(type) {
	case M:
		out := make(M, len(v))
		for name, in := range v {
			out[name] = m.copy(in)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, in := range v {
			out[i] = m.copy(in)
		}
		return out
	}
	return v
}

func flipCase(s string) string {
	if up := strings.ToUpper(s); up != s {
		return up
	}
	return strings.ToLower(s)
}
