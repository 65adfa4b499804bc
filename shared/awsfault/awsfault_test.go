package awsfault_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"ragtime/shared/awsfault"
)

// answer is the error that DynamoDB's client returns for an answer.
func answer(t *testing.T, status int, body string, header http.Header) error {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, values := range header {
			w.Header()[name] = values
		}
		w.WriteHeader(status)
		w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	client := dynamodb.NewFromConfig(aws.Config{
		Region:       "eu-west-1",
		BaseEndpoint: &s.URL,
		HTTPClient:   s.Client(),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "key"}, nil
		}),
	})
	_, err := client.DescribeLimits(t.Context(), &dynamodb.DescribeLimitsInput{})
	if err == nil {
		t.Fatal("no error came of an error's answer")
	}
	return err
}

func named(code string) string {
	return `{"__type":"com.amazonaws.dynamodb.v20120810#` + code + `","message":"m"}`
}

// All codes that the SDK's own retries take for throttling are throttling here.
func TestThrottled(t *testing.T) {
	if len(retry.DefaultThrottleErrorCodes) < 14 {
		t.Errorf("the SDK knows %d codes, fewer than it did", len(retry.DefaultThrottleErrorCodes))
	}
	for code := range retry.DefaultThrottleErrorCodes {
		err := answer(t, 400, named(code), nil)
		if !awsfault.Throttled(err) || !awsfault.Retryable(err) || awsfault.Code(err) != code {
			t.Errorf("%s is code %q, throttled %t, retryable %t", code, awsfault.Code(err), awsfault.Throttled(err), awsfault.Retryable(err))
		}
	}
}

func TestPassing(t *testing.T) {
	tests := []struct {
		name                 string
		status               int
		body                 string
		throttled, retryable bool
	}{
		{"a gateway's 429", 429, `slow down`, true, true},
		{"a failing service", 500, named("InternalServerError"), false, true},
		{"a failing proxy", 502, `<html>`, false, true},
		{"a request that came too slowly", 400, named("RequestTimeout"), false, true},
		{"access denied", 400, named("AccessDeniedException"), false, false},
		{"a failed condition", 400, named("ConditionalCheckFailedException"), false, false},
		{"validation", 400, named("ValidationException"), false, false},
		{"a code nobody knows", 400, named("Other"), false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := answer(t, tt.status, tt.body, nil)
			if got := awsfault.Throttled(err); got != tt.throttled {
				t.Errorf("throttled %t, want %t", got, tt.throttled)
			}
			if got := awsfault.Retryable(err); got != tt.retryable {
				t.Errorf("retryable %t, want %t", got, tt.retryable)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	tests := []struct {
		name   string
		header http.Header
		want   time.Duration
	}{
		{"none", nil, 0},
		{"AWS's milliseconds", http.Header{"X-Amz-Retry-After": {"1500"}}, 1500 * time.Millisecond},
		{"a proxy's seconds", http.Header{"Retry-After": {"7"}}, 7 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := awsfault.RetryAfter(answer(t, 503, `{}`, tt.header)); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	if got := awsfault.RetryAfter(errors.New("no answer at all")); got != 0 {
		t.Errorf("got %v without an answer, want 0", got)
	}
}
