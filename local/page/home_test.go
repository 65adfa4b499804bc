package page_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"ragtime/local/page"
	"ragtime/local/samples"
	"ragtime/local/system"
	"ragtime/local/system/systemtest"
)

// library starts the system with the sample documents.
func library(t *testing.T) *system.System {
	t.Helper()
	s := systemtest.Start(t, system.Options{Root: systemtest.Build(t)})
	for _, d := range samples.Documents() {
		body, _ := json.Marshal(map[string]string{"text": d.Text, "title": d.Title, "collection": "samples"})
		r, err := http.NewRequest(http.MethodPut, s.URL+"/documents/"+d.ID, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != 200 {
			t.Fatalf("put %s: %s", d.ID, answer.Status)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	return s
}

// drop drops files as a person would, where the drop zone is.
func drop(t *testing.T, ctx context.Context, files ...string) {
	t.Helper()
	dropAt(t, ctx, "#drop", files...)
}

// dropAt drops files on an element.
func dropAt(t *testing.T, ctx context.Context, selector string, files ...string) {
	t.Helper()
	run(t, ctx, "see "+selector, chromedp.ScrollIntoView(chromedp.CSS(selector)))
	at := evaluate[[]float64](t, ctx, `(() => { const r = document.querySelector("`+selector+`").getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2]; })()`)
	for _, kind := range []input.DispatchDragEventType{input.DispatchDragEventTypeDragEnter, input.DispatchDragEventTypeDragOver, input.DispatchDragEventTypeDrop} {
		run(t, ctx, string(kind), chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, input.DispatchDragEvent, input.DispatchDragEventParams{Type: kind, X: at[0], Y: at[1],
				Data: &input.DragData{Items: []*input.DragDataItem{}, Files: files, DragOperationsMask: 1}})
			return err
		}))
	}
}

// What people come for: on a laptop and on a telephone, in both themes, a person
// asks, reads what was found and why, puts a file, reads its chunks, and deletes it.
func TestHome(t *testing.T) {
	s := library(t)
	ctx := browser(t)
	folder := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	note := write("front desk.md", "# The <b>front</b> desk\n\nThe front desk opens at 7:30 and closes at 18:00.\n")
	picture := write("photo.png", "\x89PNG")
	latin1 := write("latin1.txt", "Gr\xfc\xdfe")
	write("handbook/parking/rules.md", "# Parking\n\nVisitors park behind the mill.\n")

	for _, screen := range []struct {
		name string
		size chromedp.Action[chromedp.Void]
	}{{"wide", wide}, {"narrow", narrow}} {
		for _, scheme := range []string{"light", "dark"} {
			if t.Failed() {
				return // the library is not as the next one expects it
			}
			t.Run(screen.name+" "+scheme, func(t *testing.T) {
				run(t, ctx, "open the page", screen.size, theme(scheme), chromedp.Navigate(s.URL+page.Path))
				until(t, ctx, shows("#count", "25"))
				fits(t, ctx, "the page")

				run(t, ctx, "ask", fill("#query", "does my plan cover glasses?"), press("#ask button.main"))
				until(t, ctx, shows(".answer-text", "glasses"))
				until(t, ctx, `document.querySelector(".answer").getAttribute("aria-busy") === "false"`)
				until(t, ctx, `[...document.querySelectorAll(".answer-text .marker")].every((m) => document.querySelector(m.getAttribute("href")))`)
				until(t, ctx, `document.querySelectorAll(".answer .sources .marker").length > 0`)
				until(t, ctx, shows("#said", " passages in "))
				fits(t, ctx, "the answer")
				for _, l := range evaluate[[]string](t, ctx, contrast) {
					t.Error(l)
				}

				run(t, ctx, "want no answer", press("#options summary"), press(`#options [name="write"]`), press("#options summary"), press("#ask button.main"))
				until(t, ctx, `!document.querySelector(".answer")`)
				until(t, ctx, shows("#said", "5 passages in "))
				until(t, ctx, shows("#passage-1", "Dental and Vision Coverage"))
				until(t, ctx, shows("#passage-1 .why", "1st by meaning · 1st by words: plan cover glasses"))
				until(t, ctx, `[...document.querySelectorAll("#passage-1 .text mark")].some((m) => m.textContent === "glasses")`)
				until(t, ctx, `document.querySelectorAll(".passage").length === 5`)
				until(t, ctx, `document.querySelector("#results").getAttribute("aria-busy") === "false"`)
				fits(t, ctx, "the passages")

				run(t, ctx, "open the waterfall", press("#results .waterfall summary"))
				until(t, ctx, `[...document.querySelectorAll("#results svg.trace")].some((e) => e.checkVisibility() && e.querySelector(".phase-wait"))`)
				fits(t, ctx, "the waterfall")
				if shown := evaluate[string](t, ctx, drawn); shown != screen.name {
					t.Errorf("the waterfall is the %s one", shown)
				}
				if least := evaluate[float64](t, ctx, smallest); least < 10 {
					t.Errorf("the waterfall has letters of %.1f px", least)
				}
				for _, l := range evaluate[[]string](t, ctx, contrast) {
					t.Error(l)
				}

				run(t, ctx, "open the first passage's document", press("#passage-1 h3 button"))
				until(t, ctx, shows(`details[data-id="dental-and-vision"][open] .target`, "chunk 0"))
				fits(t, ctx, "a document")

				drop(t, ctx, note, picture, latin1, filepath.Join(folder, "handbook"))
				until(t, ctx, shows("#put-said", "2 put, 2 refused"))
				until(t, ctx, shows("#put-files", "front desk.md is front~~20desk.md, 1 chunk"))
				until(t, ctx, shows("#put-files", "photo.png was not put: only .md, .markdown, .txt files are taken"))
				until(t, ctx, shows("#put-files", "latin1.txt was not put: it is not UTF-8 text"))
				until(t, ctx, shows("#put-files", "handbook/parking/rules.md is handbook~parking~rules.md"))
				until(t, ctx, shows("#count", "27"))
				fits(t, ctx, "after the drop")

				run(t, ctx, "open the document", press(`details[data-id="front~~20desk.md"] summary`))
				until(t, ctx, shows(`details[data-id="front~~20desk.md"] .chunks`, "closes at 18:00"))
				until(t, ctx, shows(`details[data-id="front~~20desk.md"] .title`, "The <b>front</b> desk"))
				for _, l := range evaluate[[]string](t, ctx, contrast) {
					t.Error(l)
				}
				for i, id := range []string{"front~~20desk.md", "handbook~parking~rules.md"} {
					if !evaluate[bool](t, ctx, `document.querySelector('details[data-id="`+id+`"]').open`) {
						run(t, ctx, "open the document", press(chromedp.CSS(`details[data-id="`+id+`"] summary`)))
					}
					until(t, ctx, shows(`details[data-id="`+id+`"] .chunks`, "chunk 0")) // they move the button down
					run(t, ctx, "think better of it", press(chromedp.CSS(`details[data-id="`+id+`"] .danger`)), press("#delete button:not(.danger)"))
					until(t, ctx, `!document.querySelector("#delete").open`)
					run(t, ctx, "delete it", press(chromedp.CSS(`details[data-id="`+id+`"] .danger`)), press("#delete .danger"))
					until(t, ctx, shows("#library-said", id+" was deleted."))
					until(t, ctx, shows("#count", strconv.Itoa(26-i))) // the list is drawn anew
				}
				until(t, ctx, shows("#count", "25"))
				until(t, ctx, `document.activeElement.id === "library-title"`)
			})
		}
	}
}

// drawn is an expression: which of a waterfall's drawings is shown; smallest is how
// high its smallest letters are, in pixels of the screen.
const (
	drawn    = `[...document.querySelectorAll("svg.trace")].filter((e) => e.checkVisibility()).map((e) => e.classList.contains("narrow") ? "narrow" : "wide").join(" and ")`
	smallest = `Math.min(...[...document.querySelectorAll("svg.trace text")].filter((e) => e.checkVisibility()).map((e) => parseFloat(getComputedStyle(e).fontSize) * e.getScreenCTM().a))`
)
