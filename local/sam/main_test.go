package sam_test

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ragtime/local/gateway"
	"ragtime/local/sam"
	"ragtime/local/system/systemtest"
)

// project is what `make sam-local` builds, in a folder of its own.
type project struct {
	root     string
	data     string // the data folder
	program  string // build/ragtime
	template *gateway.Template
}

func TestMain(m *testing.M) { systemtest.Clean(m.Run()) }

func TestContainers(t *testing.T) {
	p := build(t)
	t.Run("invoke", func(t *testing.T) { testInvoke(t, p) })
	t.Run("invoke needs a function", func(t *testing.T) { testNeedsAFunction(t, p) })
	t.Run("start-api", func(t *testing.T) { testStartAPI(t, p) })
}

// build builds the project if RAGTIME_TEST_SAM is set; else it skips the test, which
// needs containers and half a minute or more. On CI a missing tool is a failure.
func build(t *testing.T) project {
	t.Helper()
	if os.Getenv("RAGTIME_TEST_SAM") == "" {
		t.Skip("RAGTIME_TEST_SAM is not set: sam local is not run")
	}
	if _, err := sam.Find(t.Context()); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	ensureImage(t)
	p := project{root: systemtest.Build(t), data: t.TempDir()}
	p.program = filepath.Join(p.root, "build", "ragtime")
	var err error
	p.template, err = gateway.Load(filepath.Join(p.root, "template.yaml"), map[string]string{
		"OpenAIKeySecretArn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:openai",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range p.template.Functions {
		folder := filepath.Join(p.root, sam.Folder, f.Name)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Link(filepath.Join(p.root, "build", f.Name, "bootstrap"), filepath.Join(folder, "bootstrap")); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// command returns one of ragtime's sam commands, on the project.
func (p project) command(t *testing.T, verb string, args ...string) *exec.Cmd {
	args = append([]string{verb, "--root", p.root, "--data", p.data, "--sam=--skip-pull-image"}, args...)
	return exec.CommandContext(t.Context(), p.program, args...)
}

// ensureImage imports the image in which `sam local` runs functions, if Docker does not
// have it, since the public one is not available everywhere. The image needs only the
// emulator of Lambda's runtime API, which comes with sam.
func ensureImage(t *testing.T) {
	t.Helper()
	name := "public.ecr.aws/lambda/provided:al2023-rapid-" + sam.Architecture()
	if exec.Command("docker", "image", "inspect", name).Run() == nil {
		return
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	add := func(h tar.Header, content []byte) {
		h.Size = int64(len(content))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	for _, folder := range []string{"tmp/", "etc/", "opt/", "var/", "var/task/", "var/rapid/"} {
		add(tar.Header{Typeflag: tar.TypeDir, Name: folder, Mode: 0o1777}, nil)
	}
	add(tar.Header{Typeflag: tar.TypeReg, Name: "var/rapid/aws-lambda-rie", Mode: 0o755}, emulator(t))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("docker", "import", "-", name)
	c.Stdin = &archive
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("docker import: %v\n%s", err, out)
	}
}

// emulator reads the emulator from sam's Python package.
func emulator(t *testing.T) []byte {
	t.Helper()
	script, err := exec.LookPath("sam")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	python := strings.TrimSpace(strings.TrimPrefix(first, "#!"))
	dir, err := exec.Command(python, "-c", "import os, samcli; print(os.path.dirname(samcli.__file__))").Output()
	if err != nil {
		t.Fatalf("%s has no samcli: %v", python, err)
	}
	rie, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "local", "rapid", "aws-lambda-rie-"+sam.Architecture()))
	if err != nil {
		t.Fatal(err)
	}
	return rie
}

// containers lists the containers that run the project's functions; "" if none.
func (p project) containers(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, f := range p.template.Functions {
		out, err := exec.Command("docker", "ps", "-aq", "--filter", "volume="+filepath.Join(p.root, sam.Folder, f.Name)).Output()
		if err != nil {
			t.Fatal(err)
		}
		all.Write(out)
	}
	return all.String()
}

// tail keeps output, and shows its end in messages.
type tail struct{ bytes.Buffer }

func (b *tail) String() string {
	all := b.Bytes()
	return string(all[max(0, len(all)-3000):])
}

var _ io.Writer = (*tail)(nil)
