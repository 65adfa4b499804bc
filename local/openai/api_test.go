package openai

import (
	"encoding/json"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	sdk "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"go.uber.org/goleak"
	"golang.org/x/text/unicode/norm"

	"ragtime/local/network"
	"ragtime/shared/chunk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves the stand-in on a network.
func start(t *testing.T) (*network.Network, *network.Host) {
	n, h, _ := startStandIn(t)
	return n, h
}

func startStandIn(t *testing.T) (*network.Network, *network.Host, *StandIn) {
	t.Helper()
	s := API()
	n, err := network.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	h, err := n.Serve("openai", s, Faults()...)
	if err != nil {
		t.Fatal(err)
	}
	return n, h, s
}

// transports returns a transport of the network for each protocol, by its name.
func transports(t *testing.T, n *network.Network) map[string]*http.Transport {
	t.Helper()
	http1 := n.Transport()
	http1.ForceAttemptHTTP2 = false
	http1.Protocols = new(http.Protocols)
	http1.Protocols.SetHTTP1(true)
	t.Cleanup(http1.CloseIdleConnections)
	http2 := n.Transport()
	t.Cleanup(http2.CloseIdleConnections)
	return map[string]*http.Transport{"HTTP/1.1": http1, "HTTP/2.0": http2}
}

// The real client gets the same vectors over both protocols and in both formats.
func TestClient(t *testing.T) {
	n, h := start(t)
	inputs := []string{"x", "what is a deductible?"}
	tokens := int64(chunk.Count(inputs[0]) + chunk.Count(inputs[1]))
	want := Embed(inputs[1], 256)
	for proto, transport := range transports(t, n) {
		for _, format := range []sdk.EmbeddingNewParamsEncodingFormat{"float", "base64"} {
			var resp *http.Response
			service := sdk.NewEmbeddingService(
				option.WithBaseURL(h.URL()+"/v1/"),
				option.WithAPIKey("any"),
				option.WithHTTPClient(&http.Client{Transport: transport}),
				option.WithResponseInto(&resp))
			got, err := service.New(t.Context(), sdk.EmbeddingNewParams{
				Model:          "text-embedding-3-small",
				Dimensions:     sdk.Int(256),
				EncodingFormat: format,
				Input:          sdk.EmbeddingNewParamsInputUnion{OfArrayOfStrings: inputs},
			})
			if err != nil {
				t.Fatal(err)
			}
			if resp.Proto != proto || resp.Header.Get("X-Request-Id") == "" {
				t.Errorf("answered over %s with headers %v, want %s and a request id", resp.Proto, resp.Header, proto)
			}
			if len(got.Data) != 2 || got.Data[1].Index != 1 || got.Usage.PromptTokens != tokens {
				t.Fatalf("%d embeddings, usage %+v; want 2 and %d tokens", len(got.Data), got.Usage, tokens)
			}
			for i, x := range got.Data[1].Embedding {
				if float32(x) != want[i] {
					t.Fatalf("%s: place %d is %v, want %v", format, i, x, want[i])
				}
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	many, _ := json.Marshal(slices.Repeat([]string{"x"}, 2049))
	long := strings.Repeat("word ", 8200)
	total, _ := json.Marshal(slices.Repeat([]string{strings.Repeat("word ", 8000)}, 38))
	const small = `"model":"text-embedding-3-small"`
	tests := []struct {
		name, body string
		status     int
		message    string
	}{
		{"no JSON", `{`, 400, "could not parse"},
		{"no model", `{"input":"x"}`, 400, "model"},
		{"unknown model", `{"input":"x","model":"gpt-1"}`, 404, "does not exist"},
		{"no input", `{` + small + `}`, 400, "Missing required parameter: 'input'"},
		{"empty input", `{"input":"",` + small + `}`, 400, "'$.input' is invalid"},
		{"empty array", `{"input":[],` + small + `}`, 400, "'$.input' is invalid"},
		{"an empty string among others", `{"input":["x",""],` + small + `}`, 400, "'$.input' is invalid"},
		{"null", `{"input":null,` + small + `}`, 400, "'$.input' is invalid"},
		{"too many", `{"input":` + string(many) + `,` + small + `}`, 400, "array too long"},
		{"too long", `{"input":"` + long + `",` + small + `}`, 400, "maximum context length is 8192"},
		{"too many tokens", `{"input":` + string(total) + `,` + small + `}`, 400, "max 300000 tokens per request"},
		{"no dimensions", `{"input":"x","dimensions":0,` + small + `}`, 400, "dimensions"},
		{"too many dimensions", `{"input":"x","dimensions":1537,` + small + `}`, 400, "1536"},
		{"dimensions of ada", `{"input":"x","dimensions":8,"model":"text-embedding-ada-002"}`, 400, "does not support"},
		{"format", `{"input":"x","encoding_format":"hex",` + small + `}`, 400, "'float' and 'base64'"},
		{"tokens", `{"input":[1,2,3],` + small + `}`, 200, ""},
		{"lists of tokens", `{"input":[[1],[2,3]],` + small + `}`, 200, ""},
	}
	n, h := start(t)
	transport := n.Transport()
	defer transport.CloseIdleConnections()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp := post(t, transport, h.URL()+"/v1/embeddings", tt.body)
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			var got struct {
				Error struct{ Message, Type string }
			}
			json.Unmarshal(body, &got)
			if resp.StatusCode != tt.status || !strings.Contains(got.Error.Message, tt.message) || tt.status != 200 && got.Error.Type == "" {
				t.Errorf("answered %d %.300s, want %d with %q", resp.StatusCode, body, tt.status, tt.message)
			}
		})
	}
	keyless := &http.Client{Transport: transport}
	resp, err := keyless.Post(h.URL()+"/v1/embeddings", "application/json", strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 401 {
		t.Errorf("without a key answered %d, want 401", resp.StatusCode)
	}
}

func TestEmbed(t *testing.T) {
	similarity := func(a, b string) (s float64) {
		va, vb := Embed(a, 1536), Embed(b, 1536)
		for i := range va {
			s += float64(va[i]) * float64(vb[i])
		}
		return s
	}
	for _, text := range []string{"x", "", "   ", "the of and", "日本語", "🙂", strings.Repeat("deductible ", 1000)} {
		if got := similarity(text, text); math.Abs(got-1) > 1e-5 {
			t.Errorf("%.20q has length %v, want 1", text, got)
		}
	}
	if got := similarity("Ångström café ﬁnance", norm.NFKD.String("Ångström café ﬁnance")); math.Abs(got-1) > 1e-5 {
		t.Errorf("a text composed in another way has similarity %v, want 1", got)
	}
	near := similarity("two deductibles", "the deductible")
	far := similarity("two deductibles", "a parking place")
	if near < 0.5 || far > 0.1 {
		t.Errorf("similarity %v to a like text, %v to an unlike one", near, far)
	}
	// In any script a text is nearer to one that shares its words than to one that does not.
	for _, texts := range [][3]string{
		{"Wie hoch ist die Selbstbeteiligung?", "Die Selbstbeteiligungen stehen im Vertrag.", "Der Hund schläft vor dem Haus."},
		{"等待期有多长？", "牙科的等待期是六个月。", "图书馆星期天不开门。"},
		{"歯科の待機期間は？", "待機期間は六か月で、歯科に適用されます。", "図書館は日曜日に休みます。"},
		{"치과 대기 기간은 얼마나 됩니까?", "치과의 대기 기간이 여섯 달이다.", "도서관은 일요일에 문을 닫는다."},
		{"ระยะเวลารอคอยทันตกรรม", "ทันตกรรมมีระยะเวลารอคอยหกเดือน", "ห้องสมุดปิดวันอาทิตย์"},
		{"दंत चिकित्सा की प्रतीक्षा अवधि", "प्रतीक्षा अवधि छह महीने है", "पुस्तकालय रविवार को बंद रहता है"},
		{"ما هي فترة الانتظار؟", "فترة الانتظار ستة أشهر", "المكتبة مغلقة يوم الأحد"},
		{"他的病历", "病人", "图书馆"}, // one character in common
		{"Will you pay for pills?", "The plan covers medication.", "The pool is closed on Sunday."},
	} {
		if near, far := similarity(texts[0], texts[1]), similarity(texts[0], texts[2]); near < far+0.05 {
			t.Errorf("%s: similarity %.3f to a like text, %.3f to an unlike one", texts[0], near, far)
		}
	}
	if got := similarity("Übergröße, naïve, が", "U\u0308bergro\u0308ße, nai\u0308ve, か\u3099"); got < 0.9999 {
		t.Errorf("similarity %v of two forms of one text, want 1", got)
	}
}

func BenchmarkEmbed(b *testing.B) {
	text := strings.Repeat("The plan pays for a physical therapy session after the deductible is met. ", 30)
	for b.Loop() {
		Embed(text, 1536)
	}
	b.ReportMetric(float64(b.N*390)/b.Elapsed().Seconds(), "words/s")
}
