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

// StartAPI serves the API at a port of 127.0.0.1 until ctx ends, and returns nil then.
// The output of sam and of the functions goes to log.
func (s *Stage) StartAPI(ctx context.Context, port int, log io.Writer) error {
	c := s.command(ctx, "start-api", "--port", strconv.Itoa(port))
	c.Stdout = log
	c.Stderr = log
	err := c.Run()
	if ctx.Err() != nil {
		return nil //nolint:nilerr // sam was told to end, so its error does not matter
	}
	if err == nil {
		err = errors.New("sam local start-api ended by itself")
	}
	return err
}

// Invoke invokes a function, by its logical id, with the event in a file. The answer
// goes to out, the other output of sam and the function to log.
func (s *Stage) Invoke(ctx context.Context, function, event string, out, log io.Writer) error {
	c := s.command(ctx, "invoke", function, "--event", event)
	c.Stdout = out
	c.Stderr = log
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
	// sam gets a process group of its own. Else Ctrl-C would reach both sam and this
	// process, and the second interrupt would stop sam from removing its containers.
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = shutdownDelay
	return c
}

// samEnvironment returns sam's environment, made from this process's own.
//
// sam hands the credentials in its environment to the functions, whose requests go to
// stand-ins. So a person's own are removed, and made-up ones added. With credentials,
// sam asks STS for the account, and waits long for an answer where there is no
// internet. Here it asks at an address where nobody listens, and then makes up one.
func samEnvironment(own []string) []string {
	kept := slices.DeleteFunc(slices.Clone(own), func(v string) bool { return strings.HasPrefix(v, "AWS_") })
	return append(kept, "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local",
		"AWS_ENDPOINT_URL_STS=http://127.0.0.1:1", "AWS_MAX_ATTEMPTS=1", "SAM_CLI_TELEMETRY=0")
}
