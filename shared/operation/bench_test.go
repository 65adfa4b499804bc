package operation_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"ragtime/shared/clients"
	"ragtime/shared/config"
	"ragtime/shared/operation"
	"ragtime/shared/provider"
	"ragtime/shared/rag"
	"ragtime/shared/trace"
)

// serveVariable makes the test binary the process that serve runs in.
const serveVariable = "RAGTIME_BENCH_SERVE"

// serve runs the services that a retrieve uses: OpenAI, DynamoDB, and an X-Ray daemon that
// discards what it reads. They have a process of their own, so that only the function's CPU
// time is measured. It prints their addresses and certificate, and ends when its input does.
func serve() {
	daemon, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		panic(err)
	}
	go func() {
		for b := make([]byte, 64<<10); ; {
			daemon.Read(b)
		}
	}()
	server := httptest.NewTLSServer(http.HandlerFunc(answer))
	fmt.Println(server.URL, daemon.LocalAddr(), base64.StdEncoding.EncodeToString(server.Certificate().Raw))
	io.Copy(io.Discard, os.Stdin)
}

var embedding = func() string {
	raw := make([]byte, 4*1536)
	for i := range 1536 {
		binary.LittleEndian.PutUint32(raw[4*i:], math.Float32bits(float32(i%7)-2.5))
	}
	return `{"data":[{"index":0,"embedding":"` + base64.StdEncoding.EncodeToString(raw) + `"}],"usage":{"prompt_tokens":8}}`
}()

// answer answers as the services do: one embedding; five passages; their document.
func answer(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	target, body := r.Header.Get("X-Amz-Target"), ""
	switch {
	case target == "":
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Request-Id", "req_1")
		io.WriteString(w, embedding)
		return
	case strings.HasSuffix(target, ".SearchVectors"):
		var results []string
		for i := range 5 {
			results = append(results, fmt.Sprintf(`{"Score":0.%d,"Item":{"document_id":{"S":"d"},"version":{"S":"v1"},"n":{"N":"%d"},"text":{"S":%q}}}`,
				i+1, i, strings.Repeat("What a passage says. ", 60)))
		}
		body = `{"SearchResults":[` + strings.Join(results, ",") + `]}`
	default:
		body = `{"Responses":{"documents":[{"document_id":{"S":"d"},"version":{"S":"v1"},"status":{"S":"ready"},"title":{"S":"A title"}}]},"UnprocessedKeys":{}}`
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("X-Amzn-Requestid", "4KBNVRGD25RG1KEO9UT4V3FQDJVV4KQNSO5AEMVJF66Q9ASUAAJG")
	w.Header().Set("X-Amz-Crc32", strconv.Itoa(int(crc32.ChecksumIEEE([]byte(body)))))
	io.WriteString(w, body)
}

// BenchmarkTracing measures the CPU time of healthy retrieves, sampled and unsampled ones in
// turn, and reports what tracing adds.
func BenchmarkTracing(b *testing.B) {
	process := exec.Command(os.Args[0])
	process.Env = append(os.Environ(), serveVariable+"=1")
	in, err := process.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := process.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := process.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); process.Wait() })
	var services, daemon, certificate string
	if _, err := fmt.Fscan(bufio.NewReader(out), &services, &daemon, &certificate); err != nil {
		b.Fatal(err)
	}
	file := filepath.Join(b.TempDir(), "trusted.pem")
	trusted := "-----BEGIN CERTIFICATE-----\n" + certificate + "\n-----END CERTIFICATE-----\n"
	if err := os.WriteFile(file, []byte(trusted), 0o600); err != nil {
		b.Fatal(err)
	}
	b.Setenv("SSL_CERT_FILE", file) // read at the first handshake of the process
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(io.Discard, nil)))
	b.Cleanup(func() { slog.SetDefault(old) })
	c := clients.New(config.Config{
		Region:          "eu-west-1",
		Table:           "documents",
		OpenAIKey:       "k",
		Provider:        provider.API{BaseURL: services + "/v1", Dimensions: true, Encoding: "base64"},
		EmbeddingModel:  "text-embedding-3-small",
		Dimensions:      1536,
		DynamoDBURL:     services,
		AccessKeyID:     "a",
		SecretAccessKey: "s",
	})
	tracer := trace.New(netip.MustParseAddrPort(daemon), trace.AWS{Region: "eu-west-1", Table: "documents"})
	retrieve := func(sampled string) {
		ctx := lambdacontext.NewContext(b.Context(), &lambdacontext.LambdaContext{AwsRequestID: "8476a536-e9f4-11e8-9739-2dfe598c3fcd"})
		ctx = context.WithValue(ctx, headerKey, "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled="+sampled)
		op := operation.Run(ctx, tracer, "retrieve", 0, func(ctx context.Context) error {
			found, err := rag.Retrieve(ctx, "account:1", rag.Query{Text: "what is covered?", TopK: 5}, c.Embedder, c.Table)
			if err == nil && len(found.Passages) != 5 {
				b.Errorf("%d passages, want 5", len(found.Passages))
			}
			return err
		})
		if op.Fault != nil {
			b.Fatal(op.Fault)
		}
	}
	const block = 20
	var spent [2]time.Duration
	n := 0
	for range 5 { // warm up
		retrieve("1")
	}
	for b.Loop() {
		for k := range spent {
			i := (k + n/block) % 2 // neither is always the second
			before := cpu(b)
			for range block {
				retrieve(strconv.Itoa(i))
			}
			spent[i] += cpu(b) - before
		}
		n += block
	}
	each := func(i int) float64 { return float64(spent[i].Nanoseconds()) / float64(n) / 1000 }
	b.ReportMetric(each(0), "µs-unsampled/op")
	b.ReportMetric(each(1), "µs-sampled/op")
	b.ReportMetric(100*(each(1)/each(0)-1), "%-for-tracing")
}

// cpu is the CPU time that this process has spent.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
