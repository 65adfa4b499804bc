package secrets_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"ragtime/local/secrets"
)

const arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:ragtime/openai-AbCdEf"

func client(t *testing.T) *secretsmanager.Client {
	s := httptest.NewServer(secrets.Handler(map[string]string{arn: "sk-1"}))
	t.Cleanup(s.Close)
	return secretsmanager.New(secretsmanager.Options{
		Region:       "us-east-1",
		BaseEndpoint: &s.URL,
		Retryer:      aws.NopRetryer{},
		HTTPClient:   s.Client(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "key"}, nil
		}),
	})
}

func TestGet(t *testing.T) {
	c := client(t)
	for _, id := range []string{arn, "ragtime/openai"} {
		got, err := c.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{
			SecretId:     &id,
			VersionStage: aws.String("AWSCURRENT"),
		})
		if err != nil || aws.ToString(got.SecretString) != "sk-1" || aws.ToString(got.ARN) != arn ||
			aws.ToString(got.Name) != "ragtime/openai" || got.CreatedDate == nil {
			t.Errorf("%s gave %+v, %v", id, got, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	c := client(t)
	type input = secretsmanager.GetSecretValueInput
	get := func(in input) error {
		_, err := c.GetSecretValue(t.Context(), &in)
		return err
	}
	_, list := c.ListSecrets(t.Context(), nil)
	for name, tt := range map[string]struct {
		err           error
		code, message string
	}{
		"unknown": {
			get(input{SecretId: aws.String("nothing")}),
			"ResourceNotFoundException", "can't find the specified secret.",
		},
		"empty": {
			get(input{SecretId: aws.String("")}),
			"ValidationException", "secretId",
		},
		"version": {
			get(input{SecretId: aws.String(arn), VersionId: aws.String("x")}),
			"ResourceNotFoundException", "VersionId: x",
		},
		"stage": {
			get(input{SecretId: aws.String(arn), VersionStage: aws.String("AWSPREVIOUS")}),
			"ResourceNotFoundException", "AWSPREVIOUS",
		},
		"another action": {list, "UnknownOperationException", "ListSecrets"},
	} {
		api, ok := errors.AsType[smithy.APIError](tt.err)
		if !ok || api.ErrorCode() != tt.code || !strings.Contains(api.ErrorMessage(), tt.message) {
			t.Errorf("%s: %v, want %s with %q", name, tt.err, tt.code, tt.message)
		}
	}
	for _, body := range []string{"{", `{"SecretId":1}`, strings.Repeat(" ", 100<<10)} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
		w := httptest.NewRecorder()
		secrets.Handler(nil).ServeHTTP(w, r)
		if w.Code != 400 || !strings.Contains(w.Body.String(), "SerializationException") {
			t.Errorf("%.20q answered %d %s", body, w.Code, w.Body)
		}
	}
}
