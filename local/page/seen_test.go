package page_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"ragtime/local/page"
	"ragtime/local/system"
	"ragtime/local/system/systemtest"
)

// A hang is seen where the question was asked: in progress, and then the step and
// the phase in which it hung. The waterfall and the whole operation are a click away.
func TestHangIsSeen(t *testing.T) {
	s := systemtest.Start(t, system.Options{Root: systemtest.Build(t)})
	ctx := browser(t, "504") // the answer that this is about
	run(t, ctx, "open the page", chromedp.Navigate(s.URL+page.Path))
	until(t, ctx, shows("header", "No fault is on."))
	run(t, ctx, "switch a fault on", press(`#faults > summary`),
		fill(`select[name=service]`, "openai"), fill(`select[name=fault]`, "wait-silent"),
		press(`form[action$="/on"] button`))
	until(t, ctx, shows("header .on", "openai · wait-silent"))
	until(t, ctx, shows("#library-said", "Nothing is here yet")) // the scripts are there
	run(t, ctx, "ask", fill("#query", "who pays?"), press("#options > summary"), press(`#options [name="write"]`), fill(`#ask input[name=wait]`, "6"), press("#ask button.main"))

	// Half of the 6 s are the step's, so it is in progress for 3 s.
	until(t, ctx, shows("#said", "retrieve is waiting in step embed, phase wait (no response byte) · watch it"))
	until(t, ctx, shows("#results .problem", "Timed out"))
	until(t, ctx, shows("#results .problem", "was in phase wait (no response byte)"))
	run(t, ctx, "open the waterfall", press("#results .waterfall summary"))
	until(t, ctx, shows("#results svg.trace .note.hung", "HUNG in wait"))
	run(t, ctx, "see all of it", press("#results .waterfall a"))
	until(t, ctx, shows("h1 .badge", "timeout"))
	until(t, ctx, shows("h1", "retrieve timed out in step embed, phase wait"))
	until(t, ctx, `document.querySelector("#facts svg.share.timeout")`)
	until(t, ctx, shows("#facts", "embed "))
	until(t, ctx, shows("#log", "operation finished: timeout in step embed, phase wait"))

	run(t, ctx, "heal it", press("header .on button"))
	until(t, ctx, shows("header", "No fault is on."))
	until(t, ctx, shows("#operations tbody tr", "step embed, phase wait"))
	until(t, ctx, shows("#library-said", "Nothing is here yet")) // the scripts are there
	run(t, ctx, "ask again", fill("#query", "who pays?"), press("#ask button.main"))
	until(t, ctx, shows("#said", "Nothing was found in "))
}

// A button makes a hang, whose operation is watched from its beginning to its end.
func TestHangIsWatched(t *testing.T) {
	s := systemtest.Start(t, system.Options{Root: systemtest.Build(t)})
	ctx := browser(t)
	run(t, ctx, "make it hang", chromedp.Navigate(s.URL+page.Path), press(`form[action$="/hang"] button[value="wait"]`))
	until(t, ctx, shows("h1 .badge", "in progress"))
	until(t, ctx, shows("h1", "retrieve is waiting in step embed, phase wait"))
	until(t, ctx, `document.querySelector("svg.trace .phase-wait.in-progress")`)
	until(t, ctx, shows("#answer", "not answered yet"))

	until(t, ctx, shows("h1 .badge", "timeout"))
	until(t, ctx, shows(".detail", "was in phase wait (no response byte)"))
	until(t, ctx, `document.querySelector("svg.trace .phase-wait.hung")`)
	until(t, ctx, shows("svg.trace .note.hung", "HUNG in wait"))
	until(t, ctx, shows("#answer", "504 Gateway Timeout"))
	until(t, ctx, shows("#log", "operation finished: timeout in step embed, phase wait"))
	until(t, ctx, shows("#log", "platform.report"))
	until(t, ctx, `!document.querySelector("svg.trace .in-progress")`)
}

// Everything that can be used is reached by Tab, and what is focused stays so when
// the page brings itself up to date.
func TestKeyboard(t *testing.T) {
	s := systemtest.Start(t, system.Options{Root: systemtest.Build(t)})
	ctx := browser(t)
	run(t, ctx, "make an operation", chromedp.Navigate(s.URL+page.Path), press(`form[action$="/hang"] button[value="one hang"]`))
	until(t, ctx, shows("h1", "survived 1 hang"))
	until(t, ctx, shows("#headline", "An attempt hung in step embed, phase wait; another one succeeded."))
	until(t, ctx, shows("#log", "platform.report"))

	tab := func(at string) {
		t.Helper()
		const usable = `[...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")].filter((e) => e.checkVisibility())`
		const unnamed = `[...document.querySelectorAll("input:not([type=hidden]), select, textarea")].filter((e) => e.checkVisibility() && e.labels.length === 0)`
		if without := evaluate[string](t, ctx, unnamed+`.map((e) => e.outerHTML).join("\n")`); without != "" {
			t.Errorf("%s: without a label are\n%s", at, without)
		}
		want := evaluate[int](t, ctx, `window.reached = new Set(); document.activeElement.blur(); `+usable+`.length`)
		if want < 5 {
			t.Fatalf("%s has %d things to use", at, want)
		}
		// Around twice: what is listed may grow meanwhile.
		for range 2 * want {
			run(t, ctx, "tab", chromedp.KeyEvent(kb.Tab))
			if evaluate[bool](t, ctx, `reached.add(document.activeElement), `+usable+`.every((e) => reached.has(e))`) {
				break
			}
		}
		if missed := evaluate[string](t, ctx, usable+`.filter((e) => !reached.has(e)).map((e) => e.outerHTML).join("\n")`); missed != "" {
			t.Errorf("%s: Tab does not reach\n%s", at, missed)
		}
	}
	tab("an operation")
	run(t, ctx, "open a log line by keyboard", chromedp.Focus(chromedp.CSS("#line-0 summary")), chromedp.KeyEvent(kb.Enter))
	until(t, ctx, `document.querySelector("#line-0").open`)

	run(t, ctx, "go back", chromedp.Navigate(s.URL+page.Path))
	until(t, ctx, shows("#library-said", "Nothing is here yet"))
	run(t, ctx, "write a document", press("#write > summary"), fill("#note input", "bees"), fill("#note textarea", "Bees live in hives."), press("#note button"))
	until(t, ctx, shows("#put-said", "bees was put: 1 chunk."))
	until(t, ctx, shows("#documents", "bees · 1 chunk"))
	run(t, ctx, "open it by keyboard", chromedp.Focus(chromedp.CSS("#documents summary")), chromedp.KeyEvent(kb.Enter))
	until(t, ctx, shows("#documents .chunks", "Bees live in hives."))
	run(t, ctx, "ask by keyboard", fill("#query", "bees"), chromedp.Focus(chromedp.CSS("#query")), chromedp.KeyEvent(kb.Enter))
	until(t, ctx, shows("#passage-1 mark", "bees"))
	run(t, ctx, "open the waterfall by keyboard", chromedp.Focus(chromedp.CSS("#results .waterfall summary")), chromedp.KeyEvent(kb.Enter))
	until(t, ctx, `document.querySelector("#results svg.trace")`)
	tab("the page")
	// Another operation comes while a link is focused and a field is filled in.
	run(t, ctx, "focus", fill(`input[name=query]`, "typed"), chromedp.Focus(chromedp.CSS("#operations a")))
	was := evaluate[string](t, ctx, `document.activeElement.id`)
	before := evaluate[int](t, ctx, rows)
	evaluate[int](t, ctx, `fetch("/retrieve", {method: "POST", headers: {"Content-Type": "application/json"}, body: '{"query":"x"}'}), 0`)
	until(t, ctx, fmt.Sprintf(`%s > %d`, rows, before))
	until(t, ctx, fmt.Sprintf(`document.activeElement.id === %q`, was))
	until(t, ctx, `document.querySelector("input[name=query]").value === "typed"`)
}

// rows is an expression: how many operations are listed.
const rows = `document.querySelectorAll("#operations tbody tr").length`

// In both themes what is written can be read: a contrast of at least 4.5 to 1
// (WCAG 2.2, 1.4.3).
func TestContrast(t *testing.T) {
	s := newSite(t, echo)
	ctx := browser(t)
	for _, outcome := range []string{"ok", "timeout", "error", ""} {
		id := "op-" + outcome
		s.say(id, map[string]any{"message": "operation started", "operation": "retrieve", "trace_id": "1-a", "budget_ms": 2000})
		s.say(id, map[string]any{"message": "operation waiting", "level": "WARN", "step": "embed", "phase": "wait"})
		if outcome != "" {
			s.say(id, map[string]any{"message": "operation finished", "level": "ERROR", "outcome": outcome, "step": "embed", "phase": "wait", "elapsed_ms": 2000})
		}
		s.platform(id, "start", "")
	}
	s.trace(t, "1-a", map[string]any{"id": "00", "name": "retrieve", "start_time": 1.0, "end_time": 2.0})
	if w := s.post("on", map[string][]string{"service": {"openai"}, "fault": {"reset"}}); w.Code != 303 {
		t.Fatal(w.Code)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, page.Path) { // the API, whose library is empty
			fmt.Fprint(w, `{"documents":[]}`)
			return
		}
		s.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	for _, scheme := range []string{"light", "dark"} {
		for _, path := range []string{"", "operations/op-timeout", "operations/op-ok", "operations/op-error", "operations/op-"} {
			run(t, ctx, "open "+path, theme(scheme), chromedp.Navigate(server.URL+page.Path+path))
			for _, l := range evaluate[[]string](t, ctx, contrast) {
				t.Errorf("%s, %q: %s", scheme, path, l)
			}
		}
	}
}

// contrast lists the texts whose colour is too near to that of what is behind.
const contrast = `(() => {
  const rgb = (s) => { const m = s.match(/[\d.]+/g).map(Number); return { c: m.slice(0, 3), a: m.length > 3 ? m[3] : 1 }; };
  const light = (c) => { const [r, g, b] = c.map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (e) => { for (; e; e = e.parentElement) { const b = rgb(getComputedStyle(e).backgroundColor); if (b.a > 0) return b.c; } return [255, 255, 255]; };
  const out = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility() || ["OPTION", "OPTGROUP", "title", "desc", "NOSCRIPT"].includes(e.tagName)) continue;
    const style = getComputedStyle(e);
    const a = light(rgb(e instanceof SVGElement ? style.fill : style.color).c), b = light(behind(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) out.push(e.outerHTML.slice(0, 120) + " has a contrast of " + ratio.toFixed(2));
  }
  return out;
})()`
