package page_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"

	"ragtime/local/page"
)

// measured is what the page's script is told.
type measured struct {
	State, Set, Problem, Detail string
	Done, All                   int
	Results                     []struct {
		Rank    string
		Recall1 float64 `json:"recall_1"`
		Failed  int
		Missed  int
		Misses  []struct {
			Question, Found, Problem string
			Wanted                   []string
			Place                    int
		}
	}
}

func (s *site) measure(t *testing.T, method, query, body string, want int) (out measured) {
	t.Helper()
	r := httptest.NewRequest(method, "http://localhost:3000"+page.Path+"measurement"+query, strings.NewReader(body))
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != want {
		t.Errorf("%s answered %d: %s, want %d", method, w.Code, w.Body, want)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Errorf("%s answered %s: %v", method, w.Body, err)
	}
	return out
}

func (s *site) measuredAtItsEnd(t *testing.T) (out measured) {
	t.Helper()
	waitFor(t, func() bool {
		out = s.measure(t, "GET", "", "", 200)
		return out.State != "running"
	})
	return out
}

func TestMeasurement(t *testing.T) {
	var mu sync.Mutex
	put := map[string]string{} // document to its collection
	s := newSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Collection, Query, Rank string
			Filter                  struct{ Collection string }
		}
		json.NewDecoder(r.Body).Decode(&in)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case r.Method == http.MethodPut:
			put[r.URL.Path] = in.Collection
			io.WriteString(w, "{}")
		case in.Query == "fails?":
			http.Error(w, `{"detail":"step embed did not finish"}`, http.StatusGatewayTimeout)
		case in.Filter.Collection != "" && in.Filter.Collection == "eval-my squad":
			io.WriteString(w, `{"passages":[{"document_id":"my~~20squad.paragraph-0"}]}`)
		case in.Rank == "similarity":
			io.WriteString(w, `{"passages":[{"document_id":"b"},{"document_id":"b"},{"document_id":"a"}],"usage":{"embedding_tokens":3}}`)
		default:
			io.WriteString(w, `{"passages":[{"document_id":"a"}]}`)
		}
	}))
	if got := s.measure(t, "GET", "", "", 200); got.State != "" {
		t.Errorf("before any run: %+v", got)
	}
	const lines = `{"question":"one?","document":"a"}` + "\n" + `{"question":"none?","documents":["y","x"]}` + "\n" + `{"question":"fails?","document":"a"}`
	s.measure(t, "POST", "?file=mine.jsonl", lines, 200)
	got := s.measuredAtItsEnd(t)
	if got.State != "done" || got.Set != "mine" || got.Done != 6 || got.All != 6 || len(got.Results) != 2 {
		t.Fatalf("got %+v", got)
	}
	want := []string{
		"similarity 0.000 3 1: one? [a] 2 b , none? [x y] 0 b , fails? [a] 0  step embed did not finish",
		"fused 0.333 2 1: none? [x y] 0 a , fails? [a] 0  step embed did not finish",
	}
	for i, r := range got.Results {
		var misses []string
		for _, m := range r.Misses {
			misses = append(misses, fmt.Sprint(m.Question, " ", m.Wanted, " ", m.Place, " ", m.Found, " ", m.Problem))
		}
		if line := fmt.Sprintf("%s %.3f %d %d: %s", r.Rank, r.Recall1, r.Missed, r.Failed, strings.Join(misses, ", ")); line != want[i] {
			t.Errorf("got %q, want %q", line, want[i])
		}
	}

	s.measure(t, "POST", "?file=my%20squad.json", `{"data":[{"paragraphs":[{"context":"text","qas":[{"question":"q?"}]}]}]}`, 200)
	if got := s.measuredAtItsEnd(t); got.State != "done" || got.All != 3 || got.Results[0].Missed != 0 || put["/documents/my~~20squad.paragraph-0"] != "eval-my squad" {
		t.Errorf("documents of its own: %+v, put %v", got, put)
	}
	for file, body := range map[string]string{"broken.jsonl": "{", "long.json": strings.Repeat(" ", 4<<20+1), "nobody.jsonl": `{"question":"q?"}`} {
		code := map[bool]int{true: 413, false: 400}[file == "long.json"]
		if got := s.measure(t, "POST", "?file="+file, body, code); got.Detail == "" {
			t.Errorf("%s: nothing says what is wrong", file)
		}
	}
}

// One run is under way at a time; it can be canceled, and the page's end ends it.
func TestMeasurementIsCanceled(t *testing.T) {
	asked := make(chan struct{}, 1)
	s := newSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case asked <- struct{}{}:
		default:
		}
		<-r.Context().Done()
	}))
	s.measure(t, "POST", "", "", 200)
	<-asked
	if got := s.measure(t, "POST", "", "", 409); !strings.Contains(got.Detail, "under way") {
		t.Errorf("a second run: %q", got.Detail)
	}
	if got := s.measure(t, "GET", "", "", 200); got.State != "running" || got.All != 80 || got.Set != "questions" {
		t.Errorf("while it runs: %+v", got)
	}
	s.measure(t, "DELETE", "", "", 200)
	if got := s.measuredAtItsEnd(t); got.State != "canceled" || len(got.Results) != 0 {
		t.Errorf("after it was canceled: %+v", got)
	}
	s.measure(t, "DELETE", "", "", 200) // there is none
	s.measure(t, "POST", "", "", 200)
	<-asked
	s.Close()
	if got := s.measure(t, "GET", "", "", 200); got.State != "failed" {
		t.Errorf("after the page was closed: %+v", got)
	}
	s.measure(t, "POST", "", "", 409)
}

// A person measures the samples' questions, reads what was not first, asks one of them,
// and measures a file, by mouse and by keyboard.
func TestMeasureInABrowser(t *testing.T) {
	s := library(t)
	ctx := browser(t, "400")
	file := filepath.Join(t.TempDir(), "mine.jsonl")
	lines := `{"question":"Does my plan cover glasses?","document":"dental-and-vision"}` + "\n" + `{"question":"Who <b>wrote</b> this?","document":"nobody"}`
	if err := os.WriteFile(file, []byte(lines), 0o644); err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(t.TempDir(), "wrong.jsonl")
	if err := os.WriteFile(wrong, []byte(`{"question":"q?"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, ctx, "open the page", wide, theme("light"), chromedp.Navigate(s.URL+page.Path))
	run(t, ctx, "measure by keyboard", chromedp.Focus(chromedp.CSS("#measure-run")), chromedp.KeyEvent("\r"))
	until(t, ctx, `!document.querySelector("#measure-progress").hidden && document.querySelector("#measure-progress").value > 0`)
	until(t, ctx, `document.activeElement.id === "measure-run" && document.activeElement.textContent === "Cancel"`)
	until(t, ctx, shows("#measure-said", "questions: 80 requests"))
	until(t, ctx, shows(`#measure-results [data-metric="questions"]`, "4040"))
	until(t, ctx, `Number(document.querySelector('[data-metric="recall_1"] td:last-child').textContent) > 0.9`)
	until(t, ctx, `document.querySelector(".misses[open]").dataset.rank === "fused"`)
	question := evaluate[string](t, ctx, `document.querySelector(".misses[data-rank=fused] li button").textContent`)
	run(t, ctx, "ask one that was not first", press(".misses[data-rank=fused] li button"))
	until(t, ctx, shows("#said", " passages in "))
	if asked := evaluate[string](t, ctx, `document.querySelector("#query").value`); asked != question {
		t.Errorf("asked %q, want %q", asked, question)
	}

	for _, screen := range []chromedp.Action[chromedp.Void]{wide, narrow} {
		for _, scheme := range []string{"light", "dark"} {
			run(t, ctx, "open the page again", screen, theme(scheme), chromedp.Navigate(s.URL+page.Path))
			until(t, ctx, shows("#measure-results", "recall@1")) // the run before is still told
			run(t, ctx, "open what was not first by similarity", press(".misses[data-rank=similarity] summary"))
			fits(t, ctx, "the measurement")
			for _, l := range evaluate[[]string](t, ctx, contrast) {
				t.Error(l)
			}
		}
	}

	run(t, ctx, "choose a file", chromedp.SetUploadFiles(chromedp.CSS("#measure-pick"), []string{file}))
	until(t, ctx, shows("#measure-said", "mine: 4 requests"))
	until(t, ctx, shows(".misses[data-rank=fused]", "Who <b>wrote</b> this?nobody was not found; first came "))
	run(t, ctx, "choose a file with a mistake", chromedp.SetUploadFiles(chromedp.CSS("#measure-pick"), []string{wrong}))
	until(t, ctx, shows("#measure-said", `wrong.jsonl: question 1: needs "question" and "document" or "documents"`))

	if err := os.WriteFile(file, []byte(strings.Repeat(`{"question":"q?","document":"d"}`+"\n", 5000)), 0o644); err != nil {
		t.Fatal(err)
	}
	dropAt(t, ctx, "#measure-title", file)
	until(t, ctx, shows("#measure-said", "Asking mine"))
	run(t, ctx, "cancel", press("#measure-run"))
	until(t, ctx, shows("#measure-said", "mine was canceled after "))
	if put := evaluate[string](t, ctx, `document.querySelector("#put-said").textContent`); put != "" {
		t.Errorf("the questions were put as a document: %q", put)
	}
}
