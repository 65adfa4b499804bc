package main

import (
	"os"
	"slices"
	"strings"
	"text/template"

	"github.com/alecthomas/kong"

	_ "embed"
)

type completion struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

func (c *completion) Help() string {
	return `For this session, and for each from its start file:

  eval "$(build/ragtime completion bash)"
  source <(build/ragtime completion zsh)
  build/ragtime completion fish | source`
}

//go:embed completion.tmpl
var completionTemplate string

// Run prints a shell's completion, made of the commands as they are.
func (c *completion) Run(k *kong.Kong) error {
	t := template.New("").Funcs(template.FuncMap{"quote": quote, "zsh": zshFlag, "does": zshValue})
	return template.Must(t.Parse(completionTemplate)).ExecuteTemplate(os.Stdout, c.Shell, completables(k.Model.Node))
}

// completable is a command as a shell completes it.
type completable struct {
	Name, Help string
	Flags      []completableFlag
	Argument   value
}

type completableFlag struct {
	Name, Short, Help string
	Alone             bool // no value follows
	Value             value
}

// value is what may stand somewhere: one of these, anything if it is zero.
type value struct {
	Words     []string
	Files     bool
	Documents bool
}

func completables(root *kong.Node) (out []completable) {
	for _, node := range root.Leaves(true) {
		c := completable{Name: node.Name, Help: node.Help}
		for _, p := range node.Positional {
			c.Argument = valueOf(p)
		}
		for _, f := range slices.Concat(node.AllFlags(true)...) {
			flag := completableFlag{Name: f.Name, Help: f.Help, Alone: f.IsBool(), Value: valueOf(f.Value)}
			if f.Short != 0 {
				flag.Short = string(f.Short)
			}
			c.Flags = append(c.Flags, flag)
			if f.Tag.Negatable != "" {
				c.Flags = append(c.Flags, completableFlag{Name: "no-" + f.Name, Help: "Do not: " + f.Help, Alone: true})
			}
		}
		out = append(out, c)
	}
	return out
}

func valueOf(v *kong.Value) value {
	switch {
	case v.Enum != "":
		return value{Words: v.EnumSlice()}
	case v.Name == "document_id", v.Name == "document":
		return value{Documents: true}
	case v.Tag.Type != "", strings.HasPrefix(v.Name, "file"): // the types that tags name are paths
		return value{Files: true}
	}
	return value{}
}

// zshFlag is a flag as zsh's _arguments wants it.
func zshFlag(dashed string, f completableFlag) string {
	help := "[" + strings.NewReplacer("[", `\[`, "]", `\]`, ":", `\:`).Replace(f.Help) + "]"
	switch {
	case f.Alone:
		return quote(dashed, help)
	case strings.HasPrefix(dashed, "--"):
		dashed += "="
	}
	return quote(dashed, help, ": :", zshValue(f.Value))
}

func zshValue(v value) string {
	switch {
	case v.Words != nil:
		return "(" + strings.Join(v.Words, " ") + ")"
	case v.Documents:
		return "_ragtime_documents"
	case v.Files:
		return "_files"
	}
	return " "
}

// quote makes one word of texts for any of the shells: none looks into single
// quotes, and all take \' outside of them.
func quote(texts ...string) string {
	return "'" + strings.ReplaceAll(strings.Join(texts, ""), "'", `'\''`) + "'"
}
