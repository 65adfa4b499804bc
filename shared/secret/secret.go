// Package secret fetches an API key from Secrets Manager: once a process, and
// again when it was refused.
package secret

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"ragtime/shared/attempt"
	"ragtime/shared/awsfault"
	"ragtime/shared/fault"
	"ragtime/shared/step"
	"ragtime/shared/wire"
)

// keepForCall is what the call that needs the key needs at the least.
const keepForCall = 12 * time.Second

// Key is a secret's value, fetched when first asked for. Safe for concurrent use.
type Key struct {
	client *secretsmanager.Client
	arn    string
	policy *attempt.Policy

	turn  chan struct{} // holds one while someone uses value: a lock that one can give up waiting for
	value string
}

// New makes a Key of the secret with the ARN. It asks nothing yet.
func New(cfg aws.Config, arn string) *Key {
	return &Key{arn: arn, policy: attempt.New(attempt.Options{}), turn: make(chan struct{}, 1), client: secretsmanager.NewFromConfig(cfg)}
}

// Get gives the key, as a step of the operation when it has to be fetched. A
// failure is not remembered: the next call asks again.
func (k *Key) Get(ctx context.Context) (string, error) {
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		f := *fault.From(context.Cause(ctx))
		f.Step = fault.StepSecret
		return "", &f
	}
	if k.value != "" {
		return k.value, nil
	}
	v, err := step.Run(ctx, fault.StepSecret, keepForCall, func(ctx context.Context) (string, error) {
		return attempt.Do(ctx, k.policy, k.fetch)
	})
	if err == nil {
		k.value = v
	}
	return v, err
}

// Refused forgets the key, if it is still that one: it was replaced, and the next
// call fetches its successor.
func (k *Key) Refused(key string) {
	select {
	case k.turn <- struct{}{}:
		if k.value == key {
			k.value = ""
		}
		<-k.turn
	default: // someone fetches it now, or has just been given it and will be told the same
	}
}

func (k *Key) fetch(ctx context.Context) (string, error) {
	out, err := k.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &k.arn})
	if err != nil {
		f := &fault.Error{Kind: fault.Upstream, Detail: "secretsmanager did not give the OpenAI key", Cause: err}
		if awsfault.Passing(err) {
			f.Kind, f.RetryAfter = fault.Unavailable, awsfault.RetryAfter(err)
		} else if network := wire.Classify("secretsmanager", err); network != nil {
			f = network
		}
		return "", f
	}
	if v := strings.TrimSpace(aws.ToString(out.SecretString)); v != "" {
		return v, nil
	}
	return "", fault.New(fault.Upstream, "the secret with the OpenAI key is empty: put the key there as a plain string")
}
