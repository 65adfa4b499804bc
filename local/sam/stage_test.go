package sam

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ragtime/local/system"
)

// Where Docker runs in a virtual machine, containers reach this machine by name. The
// services speak without TLS then, and containers do not use the network's DNS server.
func TestByName(t *testing.T) {
	var tools Tools
	o := tools.System(system.Options{})
	if !o.Plain || o.Address.IsValid() || !o.SecretKey {
		t.Errorf("got %+v, want services without TLS on 127.0.0.1, and the key in a secret", o)
	}
	got, err := tools.containerEnvironment(map[string]string{
		"AWS_ENDPOINT_URL_DYNAMODB": "http://dynamodb.test:1234",
		"OPENAI_BASE_URL":           "http://openai.test:99/v1",
		"OPENAI_API_KEY_SECRET":     "arn:aws:secretsmanager:us-east-1:000000000000:secret:x.test",
		"RAGTIME_RESOLVER":          "127.0.0.1:53",
		"RAGTIME_TABLE":             "ragtime-Table",
		"SSL_CERT_FILE":             "",
	}, t.TempDir())
	want := map[string]string{
		"AWS_ENDPOINT_URL_DYNAMODB": "http://host.docker.internal:1234",
		"OPENAI_BASE_URL":           "http://host.docker.internal:99/v1",
		"OPENAI_API_KEY_SECRET":     "arn:aws:secretsmanager:us-east-1:000000000000:secret:x.test",
		"RAGTIME_RESOLVER":          "",
		"RAGTIME_TABLE":             "ragtime-Table",
		"SSL_CERT_FILE":             "",
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("the variables (-got +want):\n%s", diff)
	}
}

// On Docker's bridge, containers reach this machine by address. The certificates lie beside the function.
func TestByAddress(t *testing.T) {
	bridge := netip.MustParseAddr("172.17.0.1")
	tools := Tools{bridge: bridge}
	if o := tools.System(system.Options{}); o.Plain || o.Address != bridge {
		t.Errorf("got %+v, want the services at %v, with TLS", o, bridge)
	}
	folder := t.TempDir()
	pem := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(pem, []byte("a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{
		"AWS_ENDPOINT_URL_DYNAMODB": "https://dynamodb.test:1234",
		"RAGTIME_RESOLVER":          "172.17.0.1:53",
		"SSL_CERT_FILE":             pem,
	}
	got, err := tools.containerEnvironment(env, folder)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"AWS_ENDPOINT_URL_DYNAMODB": "https://dynamodb.test:1234",
		"RAGTIME_RESOLVER":          "172.17.0.1:53",
		"SSL_CERT_FILE":             "/var/task/trusted.pem",
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("the variables (-got +want):\n%s", diff)
	}
	if copied, err := os.ReadFile(filepath.Join(folder, "trusted.pem")); err != nil || string(copied) != "a certificate" {
		t.Errorf("the function's folder has %q, %v", copied, err)
	}
}

// Every function of the template is pointed to its folder; one that would not be is an error.
func TestPointTo(t *testing.T) {
	raw, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	folders := map[string]string{"EmbedFunction": "embed", "RetrieveFunction": "retrieve", "AnswerFunction": "answer", "DiagnoseFunction": "diagnose"}
	text, err := setCodeURIs(string(raw), folders)
	if err != nil {
		t.Fatal(err)
	}
	for id, folder := range folders {
		_, after, _ := strings.Cut(text, "\n  "+id+":\n")
		if _, code, _ := strings.Cut(after, "CodeUri: "); !strings.HasPrefix(code, folder+"\n") {
			t.Errorf("%s: its code is in %.20q, want %s", id, code, folder)
		}
	}
	folders["OtherFunction"] = "other"
	if _, err := setCodeURIs(string(raw), folders); err == nil {
		t.Error("a function that the template does not have: got no error")
	}
}

// sam gives its credentials to the functions, so it gets none of a person's.
func TestEnvironment(t *testing.T) {
	got := samEnvironment([]string{"PATH=/bin", "AWS_PROFILE=prod", "AWS_ACCESS_KEY_ID=AKIAREAL", "AWS_SESSION_TOKEN=real", "DOCKER_HOST=unix:///d"})
	want := []string{"PATH=/bin", "DOCKER_HOST=unix:///d", "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local",
		"AWS_ENDPOINT_URL_STS=http://127.0.0.1:1", "AWS_MAX_ATTEMPTS=1", "SAM_CLI_TELEMETRY=0"}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("sam's environment (-got +want):\n%s", diff)
	}
}
