package provider_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ragtime/shared/provider"
)

func TestPresets(t *testing.T) {
	for _, name := range provider.Names() {
		api, err := provider.Preset(name)
		if err != nil || api.Name != name {
			t.Errorf("preset %s is %+v, %v", name, api, err)
		}
		if u, err := url.Parse(api.BaseURL); api.BaseURL != "" &&
			(err != nil || u.Scheme != "https" || strings.HasSuffix(api.BaseURL, "/")) {
			t.Errorf("preset %s is at %q, want an https URL without a last slash", name, api.BaseURL)
		}
		if api.Plaintext {
			t.Errorf("preset %s sends the key over http", name)
		}
	}
	if api, err := provider.Preset(""); err != nil || api.Name != provider.OpenAI {
		t.Errorf("no name is %+v, %v; want OpenAI's preset", api, err)
	}
	if _, err := provider.Preset("other"); err == nil || !strings.Contains(err.Error(), "azure, dashscope, gemini") {
		t.Errorf("an unknown name: %v, want an error that says the known ones", err)
	}
}

func TestWith(t *testing.T) {
	base := provider.API{Name: "n", Encoding: "base64", Inputs: 2048, Dimensions: true}
	tests := []struct {
		changes string
		want    provider.API
	}{
		{"", base},
		{" , ", base},
		{"inputs=10, encoding=float,dimensions=no", provider.API{Name: "n", Encoding: "float", Inputs: 10}},
		{"encoding=none", provider.API{Name: "n", Inputs: 2048, Dimensions: true}},
		{"tokens=8192,key_header=api-key,plaintext=yes", provider.API{
			Name:       "n",
			Encoding:   "base64",
			Inputs:     2048,
			Tokens:     8192,
			Dimensions: true,
			KeyHeader:  "api-key",
			Plaintext:  true,
		}},
		{"key_header=", base},
	}
	for _, tt := range tests {
		got, err := base.With(tt.changes)
		if err != nil {
			t.Errorf("%q: %v", tt.changes, err)
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%q (-want +got):\n%s", tt.changes, d)
		}
	}
	_, err := base.With("inputs=0,encoding=hex,dimensions,color=red,tokens=many,key_header=a b")
	for _, want := range []string{`inputs="0"`, `encoding="hex"`, `dimensions=""`, `"color"`, `tokens="many"`, `key_header="a b"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}
