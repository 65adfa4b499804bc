package system_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"ragtime/local/system"
	"ragtime/local/system/systemtest"
)

// toolsScript uses the services with boto3, the library below AWS's own command line. It
// prints what it found as JSON.
const toolsScript = `
import base64, json, sys
import boto3
from botocore.exceptions import ClientError
at = sys.argv[1]
def client(name):
    return boto3.client(name, endpoint_url=at + name, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any")
functions = client("lambda")
out = {"tables": client("dynamodb").list_tables()["TableNames"]}
out["secret"] = client("secretsmanager").get_secret_value(SecretId=sys.argv[2])["SecretString"]
put = functions.invoke(FunctionName="EmbedFunction", Payload=json.dumps({"document_id": "note", "text": "The front desk opens at half past seven."}), LogType="Tail")
out["put"], out["log"] = json.load(put["Payload"]), base64.b64decode(put["LogResult"]).decode()
found = functions.invoke(FunctionName="retrieve", Payload=json.dumps({"query": "When does the front desk open?"}))
out["found"], out["failed"] = json.load(found["Payload"]), "FunctionError" in found
events = list(functions.invoke_with_response_stream(FunctionName="retrieve", Payload=json.dumps({"query": "When does the front desk open?"}))["EventStream"])
out["streamed"], out["complete"] = json.loads(b"".join(e["PayloadChunk"]["Payload"] for e in events[:-1])), events[-1]["InvokeComplete"] == {}
out["warm"] = functions.invoke(FunctionName="arn:aws:lambda:us-east-1:000000000000:function:retrieve", InvocationType="Event", Payload='{"warmer":true}')["StatusCode"]
try:
    functions.invoke(FunctionName="nobody")
except functions.exceptions.ResourceNotFoundException as e:
    out["missing"] = str(e)
json.dump(out, sys.stdout)
`

func TestToolsReachTheServices(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err == nil {
		err = exec.Command(python, "-c", "import boto3").Run()
	}
	if err != nil {
		t.Skip("skipped: python3 with boto3 is not installed")
	}
	s := systemtest.Start(t, system.Options{Root: systemtest.Build(t), SecretKey: true})
	var errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), python, "-c", toolsScript, s.URL+system.ServicesPath, "arn:aws:secretsmanager:us-east-1:000000000000:secret:ragtime/openai-local0")
	cmd.Stderr = &errs
	raw, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &errs)
	}
	var out struct {
		Tables []string
		Secret string
		Put    struct {
			Chunks int
		}
		Log   string
		Found struct {
			Passages []struct {
				DocumentID string `json:"document_id"`
			}
		}
		Streamed struct{ Passages []any }
		Complete bool
		Failed   bool
		Warm     int
		Missing  string
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	if len(out.Tables) != 1 || out.Secret != system.StandInKey {
		t.Errorf("got tables %v and secret %q", out.Tables, out.Secret)
	}
	if out.Put.Chunks != 1 || !strings.Contains(out.Log, "operation finished") {
		t.Errorf("put made %d chunks; its log ends %q", out.Put.Chunks, out.Log)
	}
	if out.Failed || len(out.Found.Passages) != 1 || out.Found.Passages[0].DocumentID != "note" {
		t.Errorf("got %s, want a passage of the note", raw)
	}
	if len(out.Streamed.Passages) != 1 || !out.Complete {
		t.Errorf("got %s, want the passage streamed", raw)
	}
	if out.Warm != 202 || !strings.Contains(out.Missing, "no such function: nobody; there are answer, diagnose, embed, retrieve") {
		t.Errorf("an asynchronous invocation got %d; a missing function %q", out.Warm, out.Missing)
	}
}

// The services are for this machine's programs. They refuse requests that a page of
// another site makes a browser send.
func TestToolsAreGuarded(t *testing.T) {
	s := systemtest.Start(t, system.Options{Root: systemtest.Build(t)})
	for _, tt := range []struct {
		name, path, host, origin string
		status                   int
	}{
		{"a program", "dynamodb", "", "", 200},
		{"with a slash", "dynamodb/", "", "", 200},
		{"another site's page", "dynamodb", "", "https://evil.example", 403},
		{"a name rebound to here", "dynamodb", "evil.example", "", 403},
		{"no service", "s3", "", "", 404},
	} {
		headers := []string{
			"X-Amz-Target", "DynamoDB_20120810.ListTables",
			"Content-Type", "application/x-amz-json-1.0",
		}
		if tt.host != "" {
			headers = append(headers, "Host", tt.host)
		}
		if tt.origin != "" {
			headers = append(headers, "Origin", tt.origin, "Sec-Fetch-Site", "cross-site")
		}
		resp := do(t, "POST", s.URL+system.ServicesPath+tt.path, "{}", headers...)
		if resp.StatusCode != tt.status {
			t.Errorf("%s: got %d, want %d", tt.name, resp.StatusCode, tt.status)
		}
	}
}
