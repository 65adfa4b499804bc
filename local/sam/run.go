package sam

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// StartAPI serves the API at a port of 127.0.0.1 until ctx ends. What sam and the
// functions say goes to log.
func (s *Stage) StartAPI(ctx context.Context, port int, log io.Writer) error {
	c := s.command(ctx, "start-api", "--port", strconv.Itoa(port))
	c.Stdout, c.Stderr = log, log
	err := c.Run()
	if ctx.Err() != nil {
		return nil // it was told to end, whatever it says of that
	}
	if err == nil {
		err = errors.New("sam local start-api ended by itself")
	}
	return err
}

// Invoke gives a function, by its logical id, the event in a file. The answer goes
// to out, what sam and the function say to log.
func (s *Stage) Invoke(ctx context.Context, function, event string, out, log io.Writer) error {
	c := s.command(ctx, "invoke", function, "--event", event)
	c.Stdout, c.Stderr = out, log
	return c.Run()
}

// shutdownDelay is how long sam may take to remove its containers.
const shutdownDelay = 20 * time.Second

func (s *Stage) command(ctx context.Context, verb string, args ...string) *exec.Cmd {
	args = slices.Concat([]string{"local", verb}, args, []string{
		"--template", s.file("template.yaml"),
		"--env-vars", s.file("env.json"),
		"--region", "us-east-1",
		"--parameter-overrides", "Architecture=" + Architecture() + " OpenAIKeySecretArn=arn:aws:secretsmanager:us-east-1:000000000000:secret:unused",
	}, s.Args)
	c := exec.CommandContext(ctx, s.tools.sam, args...)
	c.Env = samEnvironment(os.Environ())
	// In a process group of its own: Ctrl-C would reach it beside us, and a second
	// interrupt stops it from removing its containers.
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = shutdownDelay
	return c
}

// samEnvironment is sam's. It gives the functions the credentials that it finds: not
// a person's own, whose requests would go to stand-ins, but ones that say so. With
// credentials it asks STS for the account, and waits for that where there is no
// internet: it asks where nobody listens, and takes an account of its own.
func samEnvironment(own []string) []string {
	kept := slices.DeleteFunc(slices.Clone(own), func(v string) bool { return strings.HasPrefix(v, "AWS_") })
	return append(kept, "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local",
		"AWS_ENDPOINT_URL_STS=http://127.0.0.1:1", "AWS_MAX_ATTEMPTS=1", "SAM_CLI_TELEMETRY=0")
}
