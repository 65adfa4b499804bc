package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"ragtime/local/lambda"
	"ragtime/local/page"
	"ragtime/local/samples"
	"ragtime/local/system"
	"ragtime/shared/provider"
)

type up struct {
	Port    int     `help:"Port of the API; 0 is any free one." default:"3000"`
	Data    string  `help:"Folder that keeps the documents; by default .ragtime beside template.yaml." type:"path"`
	Samples bool    `help:"Load the sample documents." default:"true" negatable:""`
	Root    string  `help:"Folder of template.yaml and build/; by default the one above this program's." type:"existingdir"`
	Logs    bool    `help:"Show the functions' log here as well as in DATA/functions.log."`
	Pace    float64 `help:"Tokens a second at which the stand-in writes answers; 0 is at once." default:"0"`
	OpenAI  bool    `name:"openai" help:"Use the API of OPENAI_API_KEY (and OPENAI_BASE_URL): texts are sent there, and paid for. Without it the stand-in on this machine is used."`
}

func (c *up) Run(ctx context.Context) error {
	if c.Port < 0 || c.Port > math.MaxUint16 {
		return wrongUsage("--port: %d is not from 0 to %d", c.Port, math.MaxUint16)
	}
	if _, err := provider.Preset(os.Getenv("RAGTIME_PROVIDER")); err != nil {
		return fmt.Errorf("RAGTIME_PROVIDER: %w", err)
	}
	root, err := projectRoot(c.Root)
	if err != nil {
		return err
	}
	if c.Data == "" {
		c.Data = filepath.Join(root, ".ragtime")
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return err
	}
	log, err := openLog(filepath.Join(c.Data, "functions.log"))
	if err != nil {
		return err
	}
	defer log.close()
	key, whose, err := c.embeddings()
	if err != nil {
		return err
	}
	at := ""
	if c.OpenAI {
		at = os.Getenv("OPENAI_BASE_URL")
	}
	s, err := system.Start(system.Options{Root: root, Data: c.Data, Port: c.Port, SecretKey: true,
		OpenAIKey: key, OpenAIBaseURL: at, CertFile: os.Getenv("SSL_CERT_FILE"),
		Provider: os.Getenv("RAGTIME_PROVIDER"), Settings: os.Getenv("RAGTIME_PROVIDER_SETTINGS"),
		Parameters: fromEnvironment(), Pace: c.Pace,
		Log: func(l lambda.Line) {
			log.write(l)
			if c.Logs {
				fmt.Fprintf(os.Stderr, "%s %s\n", l.Function, l.Text)
			}
		}})
	if errors.Is(err, syscall.EADDRINUSE) {
		return c.taken(ctx)
	}
	if err != nil {
		return err
	}
	defer s.Close()
	var loaded string
	var loading error
	if c.Samples {
		loaded, loading = c.load(ctx, remote{Endpoint: baseURL(s.URL)})
	}
	if ctx.Err() != nil {
		return nil
	}
	fmt.Printf("ready: %s\npage:  %s%s shows every operation, and makes one hang before your eyes\nembeddings: %s\n", s.URL, s.URL, page.Path, whose)
	if loading == nil && c.Samples {
		loading = c.welcome(ctx, s, loaded)
	}
	if loading != nil && ctx.Err() == nil {
		fmt.Fprintf(os.Stderr, "the samples are not all there: %v\nthe functions' log is %s\n", loading, log.path)
	}
	showServices(s)
	<-ctx.Done()
	fmt.Println("stopping")
	return nil
}

// embeddings tells with which key, and whose, embeddings are made: of the stand-in,
// unless the API that the environment names was asked for.
func (c *up) embeddings() (key, whose string, err error) {
	key = os.Getenv("OPENAI_API_KEY")
	switch {
	case c.OpenAI && key == "":
		return "", "", errors.New("--openai needs OPENAI_API_KEY: set it, or leave the flag out to use the stand-in")
	case c.OpenAI:
		return key, cmp.Or(os.Getenv("OPENAI_BASE_URL"), "https://api.openai.com/v1") + ": texts are sent there, and paid for", nil
	}
	whose = "the stand-in on this machine"
	if provider := os.Getenv("RAGTIME_PROVIDER"); provider != "" {
		whose += ", asked as " + provider + " is"
	}
	if key != "" {
		whose += "; with --openai those of OPENAI_API_KEY"
	}
	return "", whose, nil
}

// taken says who has the port, as far as that can be told, and what to do.
func (c *up) taken(ctx context.Context) error {
	url := fmt.Sprintf("http://127.0.0.1:%d", c.Port)
	who := "another program"
	if body, err := fetch(ctx, url+page.Path); err == nil {
		if strings.Contains(string(body), "Ragtime") {
			who = "a Ragtime that runs already: " + url
		}
	}
	return fmt.Errorf("port %d is taken by %s; take another with --port (make run PORT=3001), 0 for any free one", c.Port, who)
}

// fetch is what a server at hand answers, or how far it gets in two seconds.
func fetch(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	return body, nil
}

// fromEnvironment are the template's parameters that the environment names.
func fromEnvironment() map[string]string {
	parameters := map[string]string{}
	for parameter, variable := range map[string]string{
		"EmbeddingModel":      "RAGTIME_EMBEDDING_MODEL",
		"EmbeddingDimensions": "RAGTIME_EMBEDDING_DIMENSIONS",
		"FilterKeys":          "RAGTIME_FILTER_KEYS",
	} {
		if v := os.Getenv(variable); v != "" {
			parameters[parameter] = v
		}
	}
	return parameters
}

// projectRoot is the folder of template.yaml: the one given, or the one above
// this program's.
func projectRoot(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	program, err := os.Executable()
	if err != nil {
		return "", err
	}
	root := filepath.Dir(filepath.Dir(program))
	if _, err := os.Stat(filepath.Join(root, "template.yaml")); err != nil {
		return "", fmt.Errorf("no template.yaml in %s: say with --root where the project is", root)
	}
	return root, nil
}

// welcome shows what can be done with the samples.
func (c *up) welcome(ctx context.Context, s *system.System, loaded string) error {
	url := s.URL
	api := remote{Endpoint: baseURL(url)}
	question := samples.Questions()[0].Question
	fmt.Printf("loaded: %s\n\n%s\n", loaded, question)
	var found passages
	if err := api.call(ctx, http.MethodPost, "/retrieve", query{Query: question, TopK: 3}, &found); err != nil {
		return err
	}
	show(os.Stdout, found, true, marks(os.Stdout))
	program := "build/ragtime"
	if c.Port != 3000 {
		program = "RAGTIME_ENDPOINT=" + url + " " + program
	}
	hangs := "openai"
	if s.Network.Host(hangs) == nil { // the real one, which is not ours to stop
		hangs = "dynamodb"
	}
	fmt.Printf(`
try:
  curl -s %[1]s/retrieve -H 'content-type: application/json' -d '{"query":"does my plan cover glasses?","top_k":2}'
  curl -s -X PUT %[1]s/documents/note -H 'content-type: text/plain' -d 'The front desk opens at 7:30.'
  curl -s %[1]s/documents
  curl -s -X PUT %[1]s%[3]s/%[4]s -d '{"fault":"wait-silent"}'  # %[4]s hangs from now on:
  curl -s %[1]s/retrieve -H 'content-type: application/json' -H 'prefer: wait=6' -d '{"query":"does my plan cover glasses?"}'
  curl -s -X DELETE %[1]s%[3]s/%[4]s  # and no more
  %[2]s answer "when does the front desk open?"
  curl -sN %[1]s/answer -H 'content-type: application/json' -H 'accept: text/event-stream' -d '{"question":"does my plan cover glasses?"}'
`, url, program, system.ControlPath, hangs)
	return nil
}

// showServices says where other tools find the services, and how to ask.
func showServices(s *system.System) {
	fmt.Print("\nlook (any credentials, any region):\n")
	for _, service := range s.Services() {
		fmt.Printf("  %-15s %s\n", service.Name, service.URL)
	}
	fmt.Printf("  %-15s udp %s; read what it got with ragtime trace\n", "xray", s.XRay.Addr())
	services := s.URL + system.ServicesPath
	fmt.Printf(`  export AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any AWS_DEFAULT_REGION=us-east-1
  aws dynamodb list-tables --endpoint-url %[1]sdynamodb
  aws lambda invoke --endpoint-url %[1]slambda --function-name RetrieveFunction \
      --payload fileb://events/retrieve-direct.json /dev/stdout
  boto3.client("dynamodb", endpoint_url="%[1]sdynamodb")
`, services)
}

// load puts the samples into a folder that never had them: who deleted some wants
// them gone. It tells what is there.
func (c *up) load(ctx context.Context, api remote) (loaded string, err error) {
	mark := filepath.Join(c.Data, "samples-loaded")
	if _, err := os.Stat(mark); err == nil {
		return "the sample documents were, before; those that were deleted since stay so", nil
	}
	chunks, err := load(ctx, api)
	if err == nil {
		err = os.WriteFile(mark, nil, 0o600)
	}
	return fmt.Sprintf("%d sample documents of a health insurer, %d chunks", len(samples.Documents()), chunks), err
}

// load puts every sample; those that did not change cost no embedding.
func load(ctx context.Context, api remote) (chunks int, err error) {
	counts := make([]int, len(samples.Documents()))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for i, d := range samples.Documents() {
		g.Go(func() error {
			r, err := api.put(ctx, documentID(d.ID), document{Text: d.Text, Title: d.Title, Collection: "samples"})
			counts[i] = r.Chunks
			return err
		})
	}
	err = g.Wait()
	for _, n := range counts {
		chunks += n
	}
	return chunks, err
}
