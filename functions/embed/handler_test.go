package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ragtime/shared/apigw"
	"ragtime/shared/apigw/apigwtest"
	"ragtime/shared/config"
	"ragtime/shared/fault"
	"ragtime/shared/metadata"
)

func TestPut(t *testing.T) {
	body := `{"text":"` + marker + ` rings.","title":"T","collection":"c","metadata":{"k":"v"}}`
	tests := []struct {
		name  string
		event apigwtest.Event
	}{
		{"JSON", request("PUT", "a~1", "application/json", body)},
		{"plain text", request("PUT", "a~1", "text/plain", marker+" rings.")},
		{"Markdown", request("PUT", "a~1", "text/markdown; charset=utf-8", "# "+marker+"\n\nrings")},
		{"percent-encoded id", request("PUT", "a%7E1", "text/plain", marker)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fakes{}
			for i, want := range []putAnswer{
				{
					DocumentID:  "a~1",
					Chunks:      1,
					Embedded:    1,
					Usage:       usage{7},
					OperationID: "op-1",
				},
				{
					DocumentID:  "a~1",
					Chunks:      1,
					Reused:      1,
					Unchanged:   true,
					OperationID: "op-1",
				}, // the same again: nothing to embed
			} {
				r := send(t, f, tt.event)
				var got putAnswer
				if err := json.Unmarshal([]byte(r.Body), &got); r.StatusCode != 200 || err != nil {
					t.Fatalf("put %d: got %d %s", i, r.StatusCode, r.Body)
				}
				if got.Version == "" || got.Version != f.document.Version {
					t.Errorf("put %d: got version %q, stored %q", i, got.Version, f.document.Version)
				}
				got.Version = ""
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("put %d (-want +got):\n%s", i, d)
				}
			}
			if want := "replace account:123456789012 a~1"; strings.Count(strings.Join(f.calls, ", "), want) != 1 {
				t.Errorf("got calls %v, want one %q: the second put changes nothing", f.calls, want)
			}
		})
	}
}

func TestPutKeepsWhatWasSent(t *testing.T) {
	f := &fakes{}
	send(t, f, request("PUT", "a", "application/json", `{"text":"`+marker+` é","title":"T","collection":"c","metadata":{"k":"v","n":2026.0,"big":12345678901234567890,"yes":true}}`))
	if d := f.document; d.Title != "T" ||
		d.Collection != "c" ||
		d.Metadata["k"] != metadata.String("v") ||
		d.Metadata["n"].Decimal() != "2026" ||
		d.Metadata["big"].Decimal() != "12345678901234567890" ||
		d.Metadata["yes"] != metadata.Bool(true) ||
		d.Chunks != 1 {
		t.Errorf("got document %+v", d)
	}
	if len(f.chunks) != 1 || f.chunks[0].Text != marker+" é" {
		t.Errorf("got chunks %+v, want the text", f.chunks)
	}
}

// null for an optional field is as if it were absent: the second put changes nothing.
func TestPutNulls(t *testing.T) {
	f := &fakes{}
	for i, body := range []string{`{"text":"` + marker + `"}`, `{"text":"` + marker + `","title":null,"collection":null,"metadata":null}`} {
		r := send(t, f, request("PUT", "a", "application/json", body))
		if unchanged := strings.Contains(r.Body, `"unchanged":true`); r.StatusCode != 200 || unchanged != (i == 1) {
			t.Errorf("put %d: got %d %s", i, r.StatusCode, r.Body)
		}
	}
}

func TestPutRefused(t *testing.T) {
	field := func(s string) string { return `{"text":"` + marker + `",` + s + `}` }
	long := func(n int) string { return strings.Repeat("é", n) }
	entries := func(n int) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(`"k%d":"%s"`, i, marker))
		}
		return `"metadata":{` + strings.Join(all, ",") + `}`
	}
	tests := []struct{ name, body, field string }{
		{"no body", ``, "body"},
		{"no JSON", marker, "body"},
		{"array", `["` + marker + `"]`, "body"},
		{"null", `null`, "body"},
		{"no UTF-8", "{\"text\":\"" + marker + "\xff\"}", "text"},
		{"nested 10,000 deep", field(`"metadata":` + strings.Repeat(`{"k":`, 10_000) + "1" + strings.Repeat("}", 10_000)), "body"},
		{"unknown", field(`"txet":"` + marker + `"`), "txet"},
		{"tenant", field(`"tenant":"` + marker + `"`), "tenant"},
		{"id in the body", field(`"document_id":"` + marker + `"`), "document_id"},
		{"text missing", `{}`, "text"},
		{"text null", `{"text":null}`, "text"},
		{"text number", `{"text":1}`, "text"},
		{"text object", `{"text":{"t":"` + marker + `"}}`, "text"},
		{"text empty", `{"text":""}`, "text"},
		{"text blank", `{"text":" \n\t\u00a0"}`, "text"},
		{"text over the limit", `{"text":"` + marker + strings.Repeat("a", 1<<20) + `"}`, "text"},
		{"text twice", field(`"text":"b"`), "text"},
		{"text with NUL", `{"text":"` + marker + `\u0000"}`, "text"},
		{"text with a lone surrogate", `{"text":"` + marker + `\ud800"}`, "text"},
		{"text damaged before", `{"text":"` + marker + "\ufffd" + `"}`, "text"},
		{"title number", field(`"title":1`), "title"},
		{"title too long", field(`"title":"` + long(501) + `"`), "title"},
		{"title with NUL", field(`"title":"` + marker + `\u0000"`), "title"},
		{"collection number", field(`"collection":1`), "collection"},
		{"collection with a slash", field(`"collection":"` + marker + `/b"`), "collection"},
		{"collection too long", field(`"collection":"` + strings.Repeat("c", 129) + `"`), "collection"},
		{"collection with NUL", field(`"collection":"a\u0000"`), "collection"},
		{"collection ..", field(`"collection":".."`), "collection"},
		{"metadata array", field(`"metadata":["` + marker + `"]`), "metadata"},
		{"metadata of a list", field(`"metadata":{"k":[1]}`), "metadata.k"},
		{"metadata of an object", field(`"metadata":{"k":{"a":"` + marker + `"}}`), "metadata.k"},
		{"metadata of null", field(`"metadata":{"k":null}`), "metadata.k"},
		{"metadata of a huge number", field(`"metadata":{"k":1e126}`), "metadata.k"},
		{"metadata of a long number", field(`"metadata":{"k":0.123456789012345678901234567890123456789}`), "metadata.k"},
		{"metadata key twice", field(`"metadata":{"k":"a","k":"b"}`), "metadata"},
		{"metadata key empty", field(`"metadata":{"":"` + marker + `"}`), "metadata"},
		{"metadata key too long", field(`"metadata":{"` + long(65) + `":"v"}`), "metadata"},
		{"metadata key with NUL", field(`"metadata":{"` + marker + `\u0000":"v"}`), "metadata"},
		{"metadata value too long", field(`"metadata":{"k":"` + long(513) + `"}`), "metadata.k"},
		{"metadata value with NUL", field(`"metadata":{"k":"` + marker + `\u0000"}`), "metadata.k"},
		{"metadata with 21 entries", field(entries(21)), "metadata"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fakes{}
			wantProblem(t, f, send(t, f, request("PUT", "a", "application/json", tt.body)), 400, tt.field)
		})
	}
	for name, body := range map[string]string{
		"title":    field(`"title":"` + long(500) + `"`),
		"metadata": field(`"metadata":{"` + long(64) + `":"` + long(512) + `"}`),
		"entries":  field(entries(20)),
		"text":     `{"text":"` + strings.Repeat("To be. ", (1<<20)/7) + strings.Repeat("a", (1<<20)%7) + `"}`,
	} {
		t.Run(name+" at the limit", func(t *testing.T) {
			if r := send(t, &fakes{}, request("PUT", "a", "application/json", body)); r.StatusCode != 200 {
				t.Errorf("got %d %s, want 200", r.StatusCode, r.Body)
			}
		})
	}
}

func TestTextBodyRefused(t *testing.T) {
	encoded := func(media, body string) apigwtest.Event {
		e := request("PUT", "a", media, body)
		e.IsBase64Encoded = true
		return e
	}
	b64 := base64.StdEncoding.EncodeToString
	tests := []struct {
		name   string
		event  apigwtest.Event
		status int
		field  string
	}{
		{"empty", request("PUT", "a", "text/plain", ""), 400, "text"},
		{"blank", request("PUT", "a", "text/markdown", "\n \n"), 400, "text"},
		{"NUL", request("PUT", "a", "text/plain", marker+"\x00"), 400, "text"},
		{"no UTF-8", request("PUT", "a", "text/plain", marker+"\xff"), 400, "text"},
		{"broken base64", encoded("text/plain", marker+"!"), 400, "body"},
		{"no UTF-8 in base64", encoded("text/plain", b64([]byte(marker+"\xff"))), 400, "body"},
		{"broken base64 of JSON", encoded("application/json", `{"text":"`+marker+`"}`), 400, "body"},
		{"over the limit", request("PUT", "a", "text/plain", marker+strings.Repeat("a", 1<<20)), 400, "text"},
		{"no content type", request("PUT", "a", "", marker), 415, ""},
		{"HTML", request("PUT", "a", "text/html", marker), 415, ""},
		{"form", request("PUT", "a", "application/x-www-form-urlencoded", marker), 415, ""},
		{"latin-1", request("PUT", "a", "text/plain; charset=iso-8859-1", marker), 415, ""},
		{"nonsense", request("PUT", "a", "/;=", marker), 415, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fakes{}
			wantProblem(t, f, send(t, f, tt.event), tt.status, tt.field)
		})
	}
}

func TestIDsRefused(t *testing.T) {
	for _, id := range []string{"", ".", "..", "a%2Fb", "%2e%2e", "..%2F..%2Fetc", "a%00", "a b", "a%20b", "a+b", "a%23b", "caf%C3%A9",
		"%", "%zz", "%ff", "a%252Fb", "doc%23" + marker, strings.Repeat("a", 129)} {
		for _, method := range []string{"PUT", "DELETE"} {
			t.Run(method+" "+id, func(t *testing.T) {
				f := &fakes{}
				wantProblem(t, f, send(t, f, request(method, id, "text/plain", marker)), 400, "document_id")
			})
		}
	}
}

func TestNoIdentity(t *testing.T) {
	for _, method := range []string{"PUT", "DELETE"} {
		f := &fakes{}
		e := request(method, "a", "text/plain", marker)
		e.RequestContext.Identity.AccountID = ""
		wantProblem(t, f, send(t, f, e), 401, "")
	}
}

func TestDelete(t *testing.T) {
	f := &fakes{}
	for range 2 {
		if r := send(t, f, request("DELETE", "a", "", "")); r.StatusCode != 204 || r.Body != "" {
			t.Errorf("got %d %q, want 204 and no body", r.StatusCode, r.Body)
		}
	}
	f.err = fault.New(fault.Conflict, "overtaken")
	if r := send(t, f, request("DELETE", "a", "", "")); r.StatusCode != 409 {
		t.Errorf("got %d %s, want 409", r.StatusCode, r.Body)
	}
}

var calls = []apigwtest.Call{
	{Method: "PUT", Resource: "/documents/{document_id}", DocumentID: "a", Body: `{"text":"a"}`},
	{Method: "DELETE", Resource: "/documents/{document_id}", DocumentID: "a"},
}

// Whatever an event claims to be, it changes no documents but its caller's own.
func TestForgedEvents(t *testing.T) {
	f := &fakes{}
	apigwtest.Forged(t, calls, func(from config.Tenancy) apigw.Func { return newHandler(f, f, from, nil) }, f.takeTenants)
}

func TestAnyEvent(t *testing.T) {
	f := &fakes{}
	apigwtest.AnyEvent(t, calls, func(from config.Tenancy) apigw.Func { return newHandler(f, f, from, nil) }, f.takeTenants)
}
