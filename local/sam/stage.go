package sam

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"ragtime/local/system"
)

// Stage is a folder that `sam local` runs: the template, the functions, their
// certificates, and their environment.
type Stage struct {
	Args []string // further arguments of `sam local`

	tools Tools
	dir   string
}

// Folder is where the functions for containers are, below the project's root:
// Folder/<name>/bootstrap.
const Folder = "build/sam"

// certificateFile is the name of the certificates' file beside each bootstrap.
const certificateFile = "trusted.pem"

// Prepare writes the files that Folder needs beside the functions, for a running
// system. root is the project's root.
func (t Tools) Prepare(root string, s *system.System) (*Stage, error) {
	stage := &Stage{tools: t, dir: filepath.Join(root, Folder)}
	template, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	if err != nil {
		return nil, err
	}
	variables := map[string]map[string]string{} // by logical id: the format of --env-vars
	folders := map[string]string{}              // by logical id
	for _, f := range s.Template.Functions {
		folder := filepath.Join(stage.dir, f.Name)
		if _, err := os.Stat(filepath.Join(folder, "bootstrap")); err != nil {
			return nil, fmt.Errorf("function %s is not built for containers: %w; run make sam-local or make sam-invoke", f.Name, err)
		}
		merged := maps.Clone(f.Environment)
		maps.Copy(merged, s.Environment)
		if merged, err = t.containerEnvironment(merged, folder); err != nil {
			return nil, err
		}
		variables[f.LogicalID] = merged
		folders[f.LogicalID] = f.Name
	}
	raw, err := json.MarshalIndent(variables, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(stage.file("env.json"), raw, 0o600); err != nil {
		return nil, err
	}
	text, err := setCodeURIs(string(template), folders)
	if err != nil {
		return nil, err
	}
	return stage, os.WriteFile(stage.file("template.yaml"), []byte(text), 0o644)
}

func (s *Stage) file(name string) string { return filepath.Join(s.dir, name) }

// containerEnvironment changes a function's variables to those for a container, and
// copies the certificates into the function's folder, which is /var/task there. It
// changes and returns env.
func (t Tools) containerEnvironment(env map[string]string, folder string) (map[string]string, error) {
	if file := env["SSL_CERT_FILE"]; file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(folder, certificateFile), pem, 0o644); err != nil {
			return nil, err
		}
		env["SSL_CERT_FILE"] = "/var/task/" + certificateFile
	}
	if t.bridge.IsValid() {
		return env, nil
	}
	env["RAGTIME_RESOLVER"] = "" // only Docker's own resolver knows hostName
	for name, value := range env {
		if u, err := url.Parse(value); err == nil && strings.HasSuffix(u.Hostname(), ".test") {
			u.Host = hostName + ":" + u.Port()
			env[name] = u.String()
		}
	}
	return env, nil
}

// setCodeURIs sets the CodeUri of each function in a template's text, as `sam build`
// does. folders maps logical ids to folders.
func setCodeURIs(template string, folders map[string]string) (string, error) {
	const here = "      CodeUri: .\n"
	var out strings.Builder
	resource := ""
	replaced := 0
	for line := range strings.Lines(template) {
		if key, ok := strings.CutPrefix(line, "  "); ok && key[0] != ' ' && key[0] != '#' {
			resource, _, _ = strings.Cut(key, ":")
		}
		if folder, ok := folders[resource]; ok && line == here {
			line = strings.Replace(here, ".", folder, 1)
			replaced++
		}
		out.WriteString(line)
	}
	if replaced != len(folders) {
		return "", fmt.Errorf("template.yaml has %q in %d functions, want it in %d", strings.TrimSpace(here), replaced, len(folders))
	}
	return out.String(), nil
}
