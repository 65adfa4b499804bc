// Package secret fetches an API key from Secrets Manager: once a process, and
// again when it was refused.
package secret

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"ragtime/shared/attempt"
	"ragtime/shared/awsfault"
	"ragtime/shared/evidence"
	"ragtime/shared/fault"
	"ragtime/shared/step"
	"ragtime/shared/wire"
)

// keepForCall is what the call that needs the key needs at the least.
const keepForCall = 12 * time.Second

// Key is a secret's value, fetched when first asked for. Safe for concurrent
// use: callers who need it at the same time share one fetch, each for as long as
// its own time allows.
type Key struct {
	client *secretsmanager.Client
	arn    string
	policy *attempt.Policy

	mu    sync.Mutex
	value string
	fetch *fetch // under way; nil if none is
}

// fetch is one fetch that a caller makes and others may wait for.
type fetch struct {
	done      chan struct{} // closed when the rest is final
	value     string
	err       error
	abandoned bool // the caller's own time, or its panic, ended it: that says nothing to others
}

// New makes a Key of the secret with the ARN. It asks nothing yet.
func New(cfg aws.Config, arn string) *Key {
	return &Key{arn: arn, policy: attempt.New(attempt.Options{}), client: secretsmanager.NewFromConfig(cfg)}
}

// Get gives the key, as a step of the operation when it has to be fetched. A
// failure is that of all who waited for the fetch; it is not remembered.
func (k *Key) Get(ctx context.Context) (string, error) {
	k.mu.Lock()
	v := k.value
	k.mu.Unlock()
	if v != "" {
		return v, nil
	}
	return step.Run(ctx, fault.StepSecret, keepForCall, k.sharedFetch)
}

// Invalidate forgets the key, unless another one was fetched meanwhile. The next
// call fetches the one that replaced it.
func (k *Key) Invalidate(key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.value == key {
		k.value = ""
	}
}

// sharedFetch waits for the fetch that is under way, or makes one. When a caller's
// time ends during its fetch, one of those who waited makes the next.
func (k *Key) sharedFetch(ctx context.Context) (string, error) {
	for {
		k.mu.Lock()
		if k.value != "" {
			defer k.mu.Unlock()
			return k.value, nil
		}
		f := k.fetch
		if f == nil {
			f = &fetch{done: make(chan struct{}), abandoned: true}
			k.fetch = f
			k.mu.Unlock()
			return k.runFetch(ctx, f)
		}
		k.mu.Unlock()
		if err := awaitFetch(ctx, f.done); err != nil {
			return "", err
		}
		if !f.abandoned {
			return f.value, f.err
		}
	}
}

// runFetch makes the fetch and tells those who wait.
func (k *Key) runFetch(ctx context.Context, f *fetch) (string, error) {
	defer func() {
		k.mu.Lock()
		k.value, k.fetch = f.value, nil
		k.mu.Unlock()
		close(f.done)
	}()
	f.value, f.err = attempt.Do(ctx, k.policy, k.getSecret)
	f.abandoned = f.err != nil && ctx.Err() != nil
	return f.value, f.err
}

// awaitFetch waits for done, in phase blocked.
func awaitFetch(ctx context.Context, done <-chan struct{}) error {
	start := time.Now()
	_, a := evidence.NewAttempt(ctx, 1)
	a.Phase(fault.PhaseBlocked)
	select {
	case <-done:
		a.End(nil)
		return nil
	case <-ctx.Done():
	}
	f := *fault.From(context.Cause(ctx))
	f.Phase = fault.PhaseBlocked
	f.Attempts = []fault.Attempt{a.End(&f)}
	if f.Kind == fault.Timeout {
		f.Detail = fmt.Sprintf("step %s did not finish in %.1f s: it waited for another request that fetches the API key", fault.StepSecret, time.Since(start).Seconds())
	}
	return &f
}

// getSecret asks for the secret, once.
func (k *Key) getSecret(ctx context.Context) (string, error) {
	out, err := k.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &k.arn})
	if err != nil {
		f := &fault.Error{Kind: fault.Upstream, Detail: "secretsmanager did not give the OpenAI key", Cause: err}
		if awsfault.Retryable(err) {
			f.Kind = fault.Unavailable
			f.RetryAfter = awsfault.RetryAfter(err)
		} else if network := wire.Classify("secretsmanager", err); network != nil {
			f = network
		}
		return "", f
	}
	return parseKey(aws.ToString(out.SecretString))
}
