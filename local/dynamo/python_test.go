package dynamo

import (
	"os"
	"os/exec"
	"testing"
)

// TestPython: a client that is not Go's speaks to the endpoint.
func TestPython(t *testing.T) {
	const variable = "RAGTIME_TEST_PYTHON"
	python := os.Getenv(variable)
	if python == "" {
		t.Skipf("set %s to a Python that has boto3 to run this", variable)
	}
	out, err := exec.Command(python, "testdata/boto3_client.py", serveURL(t, open(t, ""))).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
