package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"ragtime/local/page"
	"ragtime/local/sam"
	"ragtime/local/system"
)

// standIns are the services that `sam local` runs the functions against.
type standIns struct {
	Data string   `help:"Folder that keeps the documents, which ragtime up has as well; by default .ragtime beside template.yaml." type:"path"`
	Root string   `help:"Folder of template.yaml and build/; by default the one above this program's." type:"existingdir"`
	Sam  []string `help:"A further argument of sam local, such as --sam=--skip-pull-image; may be repeated." placeholder:"ARG" sep:"none"`
}

// start starts the services, at a port for the page and the faults (0 is any free
// one), and prepares what `sam local` needs. The caller closes the system.
func (c *standIns) start(ctx context.Context, port int) (*sam.Stage, *system.System, error) {
	tools, err := sam.Find(ctx)
	if err != nil {
		return nil, nil, err
	}
	root, err := projectRoot(c.Root)
	if err != nil {
		return nil, nil, err
	}
	if c.Data == "" {
		c.Data = filepath.Join(root, ".ragtime")
	}
	s, err := system.Start(tools.System(system.Options{Root: root, Data: c.Data, Port: port, Parameters: fromEnvironment()}))
	if err != nil {
		return nil, nil, err
	}
	stage, err := tools.Prepare(root, s)
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	stage.Args = c.Sam
	return stage, s, nil
}

type samLocal struct {
	standIns
	Port    int  `help:"Port of the API, which sam local start-api serves." default:"3000"`
	Page    int  `help:"Port of the page, and of the faults; 0 is any free one." default:"3001"`
	Samples bool `help:"Load the sample documents." default:"true" negatable:""`
}

func (c *samLocal) Run(ctx context.Context) error {
	stage, s, err := c.start(ctx, c.Page)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("port %d is taken: take another with --page, 0 for any free one", c.Page)
	}
	if err != nil {
		return err
	}
	defer s.Close()
	if c.Samples {
		if _, err := load(ctx, remote{Endpoint: baseURL(s.URL)}); err != nil && ctx.Err() == nil {
			return fmt.Errorf("load the samples: %w", err)
		}
	}
	fmt.Printf(`sam local start-api serves http://127.0.0.1:%[1]d, once it says so below. Ctrl-C ends it and the stand-ins.

try:
  curl -s http://127.0.0.1:%[1]d/documents
  curl -s http://127.0.0.1:%[1]d/retrieve -H 'content-type: application/json' -d '{"query":"does my plan cover glasses?","top_k":2}'
  curl -s -X PUT http://127.0.0.1:%[1]d/documents/note -H 'content-type: text/plain' -d 'The front desk opens at 7:30.'
  curl -s -X PUT %[2]s%[3]s/openai -d '{"fault":"wait-silent"}'  # openai hangs from now on:
  curl -s http://127.0.0.1:%[1]d/retrieve -H 'content-type: application/json' -H 'prefer: wait=6' -d '{"query":"does my plan cover glasses?"}'
  curl -s -X DELETE %[2]s%[3]s/openai  # and no more
  faults, by hand: %[2]s%[4]s

`, c.Port, s.URL, system.ControlPath, page.Path)
	if err := stage.StartAPI(ctx, c.Port, os.Stderr); err != nil {
		return err
	}
	fmt.Println("stopped")
	return nil
}

type samInvoke struct {
	standIns
	Event string `arg:"" help:"The event's file. Those in events/ begin with the function's name; another file needs --function." type:"existingfile"`
	For   string `name:"function" help:"The function that gets the event: embed, retrieve, answer or diagnose." placeholder:"NAME"`
}

func (c *samInvoke) Run(ctx context.Context) error {
	if c.For == "" {
		c.For, _, _ = strings.Cut(strings.TrimSuffix(filepath.Base(c.Event), ".json"), "-")
	}
	stage, s, err := c.start(ctx, 0)
	if err != nil {
		return err
	}
	defer s.Close()
	for _, f := range s.Template.Functions {
		if f.Name != c.For {
			continue
		}
		err := stage.Invoke(ctx, f.LogicalID, c.Event, os.Stdout, os.Stderr)
		fmt.Println() // sam's answer does not end its line
		if err != nil {
			return fmt.Errorf("sam local invoke: %w", err)
		}
		return ctx.Err()
	}
	return fmt.Errorf("there is no function %q: say with --function which one gets %s: embed, retrieve, answer or diagnose", c.For, c.Event)
}
