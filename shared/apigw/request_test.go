package apigw_test

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"

	"ragtime/shared/apigw"
)

type thing struct {
	Name string `json:"name"`
}

// decode is a route that decodes a thing.
func decode(into *thing) apigw.Route {
	return func(_ context.Context, r *apigw.Request) (apigw.Response, error) {
		return apigw.Response{Status: 204}, r.JSON(into)
	}
}

// Package exact tests which JSON is accepted.
func TestJSON(t *testing.T) {
	base64 := base64.StdEncoding.EncodeToString
	for _, tt := range []struct {
		name, body string
		encoded    bool
		want       string // the thing's name; empty: refused
		detail     string
	}{
		{"plain", `{"name":"é"}`, false, "é", ""},
		{"base64", base64([]byte(`{"name":"é"}`)), true, "é", ""},
		{"no UTF-8", base64([]byte("{\"name\":\"\xff\"}")), true, "", "body must be valid UTF-8"},
		{"no base64", `{"name":"é"}`, true, "", "body is not valid base64"},
		{"unknown field", `{"nmae":"é"}`, false, "", "nmae is not a field of this request"},
	} {
		e := post(tt.body)
		e.IsBase64Encoded = tt.encoded
		var got thing
		r := serve(t, t.Context(), e, decode(&got))
		if got.Name != tt.want || tt.want != "" && r.StatusCode != 204 {
			t.Errorf("%s: got %d %s, %+v; want %q", tt.name, r.StatusCode, r.Body, got, tt.want)
		}
		if tt.want == "" {
			if p := problem(t, r); p.Status != 400 || p.Detail != tt.detail {
				t.Errorf("%s: got %+v, want %q", tt.name, p, tt.detail)
			}
		}
	}
}

func TestBrokenBase64(t *testing.T) {
	tests := []struct{ name, body, detail string }{
		{"no base64", "{}", "is not valid base64"},
		{"no padding", "e30", "is not valid base64"},
		{"no UTF-8 in it", base64.StdEncoding.EncodeToString([]byte("{\"name\":\"\xff\xfe\"}")), "must be valid UTF-8"},
	}
	for _, tt := range tests {
		e := post(tt.body)
		e.IsBase64Encoded = true
		r := serve(t, t.Context(), e, decode(new(thing)))
		if p := problem(t, r); r.StatusCode != 400 || p.Field != "body" || !strings.Contains(p.Detail, tt.detail) {
			t.Errorf("%s: got %d, field %q, %q; want 400, field body, %q", tt.name, r.StatusCode, p.Field, p.Detail, tt.detail)
		}
	}
}

func TestMedia(t *testing.T) {
	tests := []struct {
		header []string
		want   string // empty: 415
	}{
		{[]string{"application/json"}, "application/json"},
		{[]string{"Application/JSON; charset=UTF-8"}, "application/json"},
		{[]string{`text/plain; charset="utf-8"`}, "text/plain"},
		{[]string{"text/plain;charset=us-ascii"}, "text/plain"},
		{[]string{"text/plain; charset=iso-8859-1"}, ""},
		{[]string{"application/json; charset=utf-16"}, ""},
		{[]string{"text/html"}, ""},
		{[]string{"text/plain2"}, ""},
		{[]string{"application/jsonx"}, ""},
		{[]string{"application/json;"}, "application/json"},
		{[]string{"application/json; ="}, ""},
		{[]string{"application/json", "text/plain"}, ""},
		{[]string{""}, ""},
		{nil, ""},
	}
	for _, tt := range tests {
		var got string
		e := post("")
		e.Headers = nil
		e.MultiValueHeaders = map[string][]string{"CONTENT-type": tt.header}
		r := serve(t, t.Context(), e, func(_ context.Context, r *apigw.Request) (apigw.Response, error) {
			var err error
			got, err = r.Media("application/json", "text/plain")
			return apigw.Response{Status: 204}, err
		})
		want := 204
		if tt.want == "" {
			want = 415
		}
		if got != tt.want || r.StatusCode != want {
			t.Errorf("%q: got %q and %d, want %q and %d", tt.header, got, r.StatusCode, tt.want, want)
		}
	}
}

func TestPath(t *testing.T) {
	tests := []struct{ in, want, field string }{
		{"plain-1", "plain-1", ""},
		{"a%2Fb", "a/b", ""},
		{"a%252Fb", "a%2Fb", ""}, // decoded once
		{"a+b", "a+b", ""},
		{"caf%C3%A9", "café", ""},
		{"%", "", "id"},
		{"%zz", "", "id"},
		{"%ff", "", "id"},
		{"", "", ""},
	}
	for _, tt := range tests {
		var got string
		e := post("")
		e.PathParameters = map[string]string{"id": tt.in}
		r := serve(t, t.Context(), e, func(_ context.Context, r *apigw.Request) (apigw.Response, error) {
			var err error
			got, err = r.Path("id")
			return apigw.Response{Status: 204}, err
		})
		if got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
		if tt.field != "" {
			if p := problem(t, r); p.Field != tt.field || r.StatusCode != 400 {
				t.Errorf("%q: got %d, field %q; want 400, field %q", tt.in, r.StatusCode, p.Field, tt.field)
			}
		}
	}
}

func TestQuery(t *testing.T) {
	e := post("")
	e.QueryStringParameters = map[string]string{"limit": "5", "limti": "6"}
	r := serve(t, t.Context(), e, func(_ context.Context, r *apigw.Request) (apigw.Response, error) {
		_, err := r.Query("limit", "cursor")
		return apigw.Response{Status: 204}, err
	})
	if p := problem(t, r); r.StatusCode != 400 || p.Field != "limti" {
		t.Errorf("got %d, field %q; want 400, field limti", r.StatusCode, p.Field)
	}
}
