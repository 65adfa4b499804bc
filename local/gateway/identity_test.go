package gateway

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

const aliceSignature = "AWS4-HMAC-SHA256 Credential=alice/20260304/local/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=00"

func identifyText(authorization, date string) (caller, *failure) {
	h := http.Header{}
	if authorization != "" {
		h.Set("Authorization", authorization)
	}
	if date != "" {
		h.Set("X-Amz-Date", date)
	}
	return identify(h)
}

func TestIdentify(t *testing.T) {
	got, refusal := identifyText("", "")
	if refusal != nil || got != unsignedCaller {
		t.Errorf("unsigned: got %+v, %v", got, refusal)
	}
	alice, refusal := identifyText(aliceSignature, "20260304T050607Z")
	if refusal != nil || alice.accessKey != "alice" {
		t.Fatalf("signed: got %+v, %v", alice, refusal)
	}
	if !regexp.MustCompile(`^[0-9]{12}$`).MatchString(alice.accountID) || alice.accountID == localAccount {
		t.Errorf("account: got %q", alice.accountID)
	}
	// curl writes no space after the commas.
	again, _ := identifyText(strings.ReplaceAll(aliceSignature, ", ", ","), "20260304T050607Z")
	bob, _ := identifyText(strings.Replace(aliceSignature, "alice", "bob", 1), "20260304T050607Z")
	if again != alice || bob.accountID == alice.accountID {
		t.Errorf("got alice %+v, alice again %+v, bob %+v", alice, again, bob)
	}
	id := alice.identity("192.0.2.7", "")
	if *id.UserArn != "arn:aws:iam::"+alice.accountID+":user/alice" || *id.AccessKey != "alice" || id.UserAgent != nil {
		t.Errorf("identity: got arn %q, key %q, agent %v", *id.UserArn, *id.AccessKey, id.UserAgent)
	}
}

func TestIdentifyRefuses(t *testing.T) {
	for _, tt := range []struct{ name, authorization, date, errorType, message string }{
		{"bearer", "Bearer abc", "x", "IncompleteSignatureException",
			"Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): '" + digest("abc") + "'."},
		{"basic", "Basic eA==", "", "IncompleteSignatureException",
			"Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. " +
				"Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. " +
				"(Hashed with SHA-256 and encoded with Base64) Authorization=" + digest("Basic eA==")},
		{"no date", aliceSignature, "", "IncompleteSignatureException", "'X-Amz-Date' or a 'Date' header"},
		{"algorithm", strings.Replace(aliceSignature, "SHA256", "SHA512", 1), "x", "IncompleteSignatureException", "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512'."},
		{"scope", strings.Replace(aliceSignature, "/local", "", 1), "x", "IncompleteSignatureException", "exactly 5 slash-delimited elements"},
		{"service", strings.Replace(aliceSignature, "execute-api", "s3", 1), "x", "InvalidSignatureException", "correct service: 'execute-api'"},
		{"terminator", strings.Replace(aliceSignature, "aws4_request", "aws5", 1), "x", "InvalidSignatureException", "valid terminator"},
		{"key", strings.Replace(aliceSignature, "alice", "a:b", 1), "x", "UnrecognizedClientException", "security token"},
	} {
		_, refusal := identifyText(tt.authorization, tt.date)
		if refusal == nil {
			t.Errorf("%s: let in", tt.name)
			continue
		}
		if refusal.status != 403 || refusal.errorType != tt.errorType || !strings.Contains(refusal.body, tt.message) {
			t.Errorf("%s: got %+v, want %s with %q", tt.name, *refusal, tt.errorType, tt.message)
		}
	}
}
