// Package secret fetches an API key from Secrets Manager: once in a process, and again when
// the API refused it.
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

// keepForCall is the least that the call with the key needs.
const keepForCall = 12 * time.Second

// Key is an API key in a secret, which is fetched on first use. Safe for concurrent use:
// callers who need it at the same time wait for one fetch, each until its own deadline.
type Key struct {
	client *secretsmanager.Client
	arn    string
	policy *attempt.Policy

	mu    sync.Mutex
	value string
	fetch *fetch // the one under way, or nil
}

// fetch is one fetch, which one caller makes and others may wait for.
type fetch struct {
	done chan struct{} // closed when the other fields are final

	value string
	err   error
	// abandoned tells that the caller who made the fetch ran out of time or panicked. Those
	// who wait then fetch again.
	abandoned bool
}

// New makes a Key of the secret with the ARN. It does not fetch it.
func New(cfg aws.Config, arn string) *Key {
	return &Key{arn: arn, policy: attempt.New(attempt.Options{}), client: secretsmanager.NewFromConfig(cfg)}
}

// Get returns the key. Where it has to fetch the key, that is a step of the operation. All
// who wait for a fetch get its error; the next Get fetches again.
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

// sharedFetch waits for the fetch under way, or makes one. Where a fetch is abandoned, one of
// those who waited makes the next.
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

// runFetch makes the fetch, and wakes those who wait for it.
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

// awaitFetch waits for another caller's fetch, as an attempt in phase blocked.
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

// getSecret makes one attempt to fetch the secret.
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
