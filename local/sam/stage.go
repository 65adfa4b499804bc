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

// Stage is a folder that `sam local` runs: the template, the functions, what they
// trust, and their environment.
type Stage struct {
	tools Tools
	// Args are further arguments of `sam local`.
	Args []string
	dir  string
}

// Folder is where the functions are built for containers, below the project's
// root: Folder/<name>/bootstrap.
const Folder = "build/sam"

// certificateFile is the certificates' file, beside each bootstrap.
const certificateFile = "trusted.pem"

// Prepare writes what Folder needs beside the functions, for a running system.
func (t Tools) Prepare(root string, s *system.System) (*Stage, error) {
	stage := &Stage{tools: t, dir: filepath.Join(root, Folder)}
	template, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	if err != nil {
		return nil, err
	}
	variables := map[string]map[string]string{} // by logical id, as sam has them
	folders := map[string]string{}
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
		variables[f.LogicalID], folders[f.LogicalID] = merged, f.Name
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

// containerEnvironment gives a function's variables as they hold in a container, and puts
// the certificates into its folder, which the container sees as /var/task.
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
	env["RAGTIME_RESOLVER"] = "" // Docker's own knows this machine's name
	for name, value := range env {
		if u, err := url.Parse(value); err == nil && strings.HasSuffix(u.Hostname(), ".test") {
			u.Host = hostName + ":" + u.Port()
			env[name] = u.String()
		}
	}
	return env, nil
}

// setCodeURIs says in a template where each function's code is, as `sam build` does.
// folders are by logical id.
func setCodeURIs(template string, folders map[string]string) (string, error) {
	const here = "      CodeUri: .\n"
	var out strings.Builder
	resource, pointed := "", 0
	for line := range strings.Lines(template) {
		if key, ok := strings.CutPrefix(line, "  "); ok && key[0] != ' ' && key[0] != '#' {
			resource, _, _ = strings.Cut(key, ":")
		}
		if folder, ok := folders[resource]; ok && line == here {
			line = strings.Replace(here, ".", folder, 1)
			pointed++
		}
		out.WriteString(line)
	}
	if pointed != len(folders) {
		return "", fmt.Errorf("template.yaml has %q in %d functions, want it in %d", strings.TrimSpace(here), pointed, len(folders))
	}
	return out.String(), nil
}
