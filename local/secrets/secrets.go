// Package secrets is a Secrets Manager for one machine. It returns the values of the
// secrets that it was made with, and AWS's errors for all other requests.
package secrets

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	target  = "secretsmanager.GetSecretValue"
	maxBody = 64 << 10
	// version is that of every secret, since none is ever rotated.
	version      = "00000000-0000-4000-8000-000000000001"
	currentStage = "AWSCURRENT"
)

// Handler serves GetSecretValue of secrets, by ARN or name, in AWS's JSON 1.1
// protocol. secrets maps ARNs to values; the caller must not change it afterwards.
func Handler(secrets map[string]string) http.Handler {
	created := float64(time.Now().UnixMilli()) / 1000
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arn, err := findSecret(w, r, secrets)
		if err != nil {
			known, ok := errors.AsType[*apiError](err)
			if !ok {
				known = newError("SerializationException", "%v", err)
			}
			writeJSON(w, http.StatusBadRequest, known)
			return
		}
		writeJSON(w, http.StatusOK, map[string]any{
			"ARN":           arn,
			"Name":          nameOf(arn),
			"SecretString":  secrets[arn],
			"VersionId":     version,
			"VersionStages": []string{currentStage},
			"CreatedDate":   created,
		})
	})
}

// apiError is an error in AWS's form. Its status is always 400.
type apiError struct {
	Type    string `json:"__type"`
	Message string `json:"Message"`
}

func (e *apiError) Error() string { return e.Type + ": " + e.Message }

func newError(kind, format string, args ...any) *apiError {
	return &apiError{kind, fmt.Sprintf(format, args...)}
}

// findSecret returns the ARN of the secret that a request asks for. The error is an *apiError, or one of reading JSON.
func findSecret(w http.ResponseWriter, r *http.Request, secrets map[string]string) (string, error) {
	if r.Method != http.MethodPost || r.Header.Get("X-Amz-Target") != target {
		return "", newError("UnknownOperationException", "this endpoint knows %s only, not %s %q",
			target, r.Method, r.Header.Get("X-Amz-Target"))
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return "", err
	}
	var in struct{ SecretId, VersionId, VersionStage string }
	if err := json.Unmarshal(body, &in); err != nil {
		return "", err
	}
	if in.SecretId == "" {
		return "", newError("ValidationException",
			"1 validation error detected: Value null at 'secretId' failed to satisfy constraint: Member must not be null")
	}
	for arn := range secrets {
		if in.SecretId != arn && in.SecretId != nameOf(arn) {
			continue
		}
		switch {
		case in.VersionId != "" && in.VersionId != version:
			return "", newError("ResourceNotFoundException",
				"Secrets Manager can't find the specified secret value for VersionId: %s", in.VersionId)
		case in.VersionStage != "" && in.VersionStage != currentStage:
			return "", newError("ResourceNotFoundException",
				"Secrets Manager can't find the specified secret value for staging label: %s", in.VersionStage)
		}
		return arn, nil
	}
	return "", newError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

// arnSuffix matches what Secrets Manager appends to a secret's name in its ARN.
var arnSuffix = regexp.MustCompile(`-[A-Za-z0-9]{6}$`)

func nameOf(arn string) string {
	return arnSuffix.ReplaceAllString(arn[strings.LastIndexByte(arn, ':')+1:], "")
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and numbers
	}
	h := w.Header()
	h.Set("Content-Type", "application/x-amz-json-1.1")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Amzn-RequestId", rand.Text())
	w.WriteHeader(status)
	w.Write(body)
}
