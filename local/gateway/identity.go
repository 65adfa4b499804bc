package gateway

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// localAccount owns the API, and is the account of unsigned requests.
const localAccount = "000000000000"

// caller is who sent a request; the zero value on a route without an authorizer.
type caller struct {
	accountID string
	accessKey string
}

// unsignedCaller sent a request without a signature. AWS would refuse it; here it
// is let in, so that plain curl works.
var unsignedCaller = caller{accountID: localAccount, accessKey: "local"}

// identify returns who signed a request, as the AWS_IAM authorizer does, with two
// differences: an unsigned request comes from [unsignedCaller], and the signature is not
// verified, because this machine knows no secret keys to verify it with.
// Any access key id is good and is an account of its own, so
//
//	curl --aws-sigv4 aws:amz:local:execute-api --user alice:x ...
//
// is another tenant than bob's. A malformed Authorization header is refused with
// API Gateway's words. A signature in the query string is not looked at.
func identify(h http.Header) (caller, *failure) {
	header := h.Get("Authorization")
	if header == "" {
		return unsignedCaller, nil
	}
	algorithm, rest, _ := strings.Cut(strings.TrimSpace(header), " ")
	parameters := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return caller{}, incompleteSignature("Invalid key=value pair (missing equal-sign) in Authorization header "+
				"(hashed with SHA-256 and encoded with Base64): '%s'.", digest(part))
		}
		parameters[name] = value
	}
	var missing []string
	for _, name := range []string{"Credential", "Signature", "SignedHeaders"} {
		if parameters[name] == "" {
			missing = append(missing, "Authorization header requires '"+name+"' parameter.")
		}
	}
	if h.Get("X-Amz-Date") == "" && h.Get("Date") == "" {
		missing = append(missing, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if len(missing) > 0 {
		return caller{}, incompleteSignature("%s (Hashed with SHA-256 and encoded with Base64) Authorization=%s",
			strings.Join(missing, " "), digest(header))
	}
	if algorithm != "AWS4-HMAC-SHA256" {
		return caller{}, incompleteSignature("Unsupported AWS 'algorithm': '%s'.", algorithm)
	}
	return parseCredential(parameters["Credential"])
}

var accessKeyID = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`)

// parseCredential reads a credential, <access key id>/<date>/<region>/<service>/aws4_request.
func parseCredential(credential string) (caller, *failure) {
	scope := strings.Split(credential, "/")
	switch {
	case len(scope) != 5:
		return caller{}, incompleteSignature("Credential must have exactly 5 slash-delimited elements, "+
			"e.g. keyid/date/region/service/term, got '%s'", credential)
	case scope[3] != "execute-api":
		return caller{}, invalidSignature("Credential should be scoped to correct service: 'execute-api'.")
	case scope[4] != "aws4_request":
		return caller{}, invalidSignature("Credential should be scoped with a valid terminator: 'aws4_request', not '%s'.", scope[4])
	case !accessKeyID.MatchString(scope[0]):
		return caller{}, refuse("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	return caller{accountID: accountOf(scope[0]), accessKey: scope[0]}, nil
}

// accountOf derives an account from an access key id: the same 12 digits every time,
// never [localAccount].
func accountOf(accessKey string) string {
	sum := sha256.Sum256([]byte(accessKey))
	const accounts = 1_000_000_000_000
	return fmt.Sprintf("%012d", 1+binary.BigEndian.Uint64(sum[:])%(accounts-1))
}

// uniqueID derives the unique id of an IAM user from an access key id: AIDA and 16
// letters and digits, the same every time.
func uniqueID(accessKey string) string {
	sum := sha256.Sum256([]byte("user " + accessKey))
	return "AIDA" + base32.StdEncoding.EncodeToString(sum[:10])
}

// digest is how API Gateway shows a header it refuses, so that no secret is echoed.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func (c caller) identity(sourceIP, userAgent string) identity {
	id := identity{SourceIP: sourceIP}
	if userAgent != "" {
		id.UserAgent = &userAgent
	}
	if c != (caller{}) {
		arn := "arn:aws:iam::" + c.accountID + ":user/" + c.accessKey
		unique := uniqueID(c.accessKey)
		id.AccountID = &c.accountID
		id.AccessKey = &c.accessKey
		id.Caller = &unique
		id.User = &unique
		id.UserArn = &arn
	}
	return id
}
