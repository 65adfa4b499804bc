package page_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"ragtime/local/page"
	"ragtime/local/system"
	"ragtime/local/system/systemtest"
)

// patience is for a busy machine: what is waited for comes in seconds.
const patience = 90 * time.Second

// browser starts a headless Chromium, whose every complaint fails the test: a
// script's error, a file that is not there, what the page's policy forbids.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("no chromium or google-chrome on PATH: the page is not tested in a browser")
	}
	flags := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.WindowSize(1100, 900))
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience) // the test's own ends before the browser is stopped
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewExecAllocator(ctx, flags...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	var mu sync.Mutex
	var complaints []string
	complain := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		complaints = append(complaints, fmt.Sprintf(format, args...))
	}
	err := chromedp.Listen(ctx, func(e any) {
		switch e := e.(type) {
		case *runtime.EventExceptionThrown:
			complain("%v", e.ExceptionDetails)
		case *log.EventEntryAdded:
			complain("%s %s", e.Entry.Text, e.Entry.URL)
		}
	})
	if err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range complaints {
			t.Errorf("the browser complains: %s", c)
		}
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("stop the browser: %v", err)
		}
	})
	return ctx
}

// theme makes pages think that the person prefers light or dark.
func theme(name string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}})
		return err
	})
}

// run runs actions, for as long as patience lasts.
func run(t *testing.T, ctx context.Context, what string, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// until waits until a JavaScript expression is true. A page that is left while it
// is asked is asked again.
func until(t *testing.T, ctx context.Context, expression string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		yes, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if err == nil && yes {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("it never was that %s; the page shows:\n%s", expression, evaluate[string](t, context.WithoutCancel(ctx), "document.body.innerText"))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// shows is an expression: the text of the first element has the words.
func shows(selector, words string) string {
	return fmt.Sprintf("document.querySelector(%q)?.textContent.includes(%q)", selector, words)
}

func press(selector chromedp.CSS) chromedp.Action[chromedp.Void] { return chromedp.Click(selector) }

func fill(selector chromedp.CSS, value string) chromedp.Action[chromedp.Void] {
	return chromedp.SetValue(selector, value)
}

// evaluate gives the value of a JavaScript expression.
func evaluate[T any](t *testing.T, ctx context.Context, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%.80s: %v", expression, err)
	}
	return v
}

// What the page is for: a person switches a fault on, sends a request, sees it in
// progress, and then the step and the phase in which it hung.
func TestHangIsSeen(t *testing.T) {
	ctx := browser(t)
	s := systemtest.Start(t, system.Options{Root: systemtest.Build(t)})
	run(t, ctx, "open the page", chromedp.Navigate(s.URL+page.Path))
	until(t, ctx, shows("header", "No fault is on."))
	run(t, ctx, "switch a fault on",
		fill(`select[name=service]`, "openai"), fill(`select[name=fault]`, "wait-silent"),
		press(`form[action$="/on"] button`))
	until(t, ctx, shows("header .on", "openai · wait-silent"))
	run(t, ctx, "send a request",
		fill(`form[action$="/retrieve"] input[name=query]`, "who pays?"),
		fill(`form[action$="/retrieve"] input[name=wait]`, "6"), press(`form[action$="/retrieve"] button`))

	// Half of the 6 s are the step's, so it is in progress for 3 s.
	until(t, ctx, shows("h1 .badge", "in progress"))
	until(t, ctx, shows("h1", "retrieve is waiting in step embed, phase wait"))
	until(t, ctx, `document.querySelector("svg.trace .phase-wait.in-progress")`)
	until(t, ctx, shows("#answer", "not answered yet"))

	until(t, ctx, shows("h1 .badge", "timeout"))
	until(t, ctx, shows("h1", "retrieve timed out in step embed, phase wait"))
	until(t, ctx, shows(".detail", "was in phase wait (no response byte)"))
	until(t, ctx, `document.querySelector("svg.trace .phase-wait.hung")`)
	until(t, ctx, shows("svg.trace .note.hung", "HUNG in wait"))
	until(t, ctx, shows("#answer", "504 Gateway Timeout"))
	until(t, ctx, shows("#log", "operation finished: timeout in step embed, phase wait"))
	until(t, ctx, shows("#log", "platform.report"))
	until(t, ctx, `!document.querySelector("svg.trace .in-progress")`)

	run(t, ctx, "heal it", press("header .on button"))
	until(t, ctx, shows("header", "No fault is on."))
	until(t, ctx, shows("#operations tbody tr", "step embed, phase wait"))
	run(t, ctx, "send another request", press(`form[action$="/retrieve"] button`))
	until(t, ctx, shows("h1 .badge", "ok"))
}

// Everything that can be used is reached by Tab, and what is focused stays so when
// the page brings itself up to date.
func TestKeyboard(t *testing.T) {
	ctx := browser(t)
	s := systemtest.Start(t, system.Options{Root: systemtest.Build(t)})
	run(t, ctx, "make an operation", chromedp.Navigate(s.URL+page.Path), press(`form[action$="/hang"] button[value="one hang"]`))
	until(t, ctx, shows("h1", "survived 1 hang"))
	until(t, ctx, shows("#headline", "An attempt hung in step embed, phase wait; another one succeeded."))
	until(t, ctx, shows("#log", "platform.report"))

	tab := func(at string) {
		t.Helper()
		const usable = `[...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, summary, [tabindex='0']")].filter((e) => e.checkVisibility())`
		want := evaluate[int](t, ctx, `window.reached = new Set(); document.activeElement.blur(); `+usable+`.length`)
		if want < 5 {
			t.Fatalf("%s has %d things to use", at, want)
		}
		for range want + 5 {
			run(t, ctx, "tab", chromedp.KeyEvent(kb.Tab))
			evaluate[int](t, ctx, `reached.add(document.activeElement), 0`)
		}
		if missed := evaluate[string](t, ctx, usable+`.filter((e) => !reached.has(e)).map((e) => e.outerHTML).join("\n")`); missed != "" {
			t.Errorf("%s: Tab does not reach\n%s", at, missed)
		}
	}
	tab("an operation")
	run(t, ctx, "open a log line by keyboard", chromedp.Focus(chromedp.CSS("#line-0 summary")), chromedp.KeyEvent(kb.Enter))
	until(t, ctx, `document.querySelector("#line-0").open`)

	run(t, ctx, "go back", chromedp.Navigate(s.URL+page.Path))
	tab("the list")
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
	ctx := browser(t)
	s := newSite(t, echo)
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
	server := httptest.NewServer(s)
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

// TestPictures makes the pictures of docs/pictures anew, when asked to with
// RAGTIME_PICTURES=1.
func TestPictures(t *testing.T) {
	if os.Getenv("RAGTIME_PICTURES") == "" {
		t.Skip("RAGTIME_PICTURES is not set: the pictures in docs/pictures stay as they are")
	}
	ctx := browser(t)
	s := systemtest.Start(t, system.Options{Root: systemtest.Build(t)})
	for _, p := range []struct{ button, name, ends string }{
		{"dns", "dns", "phase dns"}, {"connect", "connect", "phase connect"}, {"tls", "tls", "phase tls"}, {"send", "send", "phase send"},
		{"wait", "wait", "phase wait"}, {"receive", "receive", "phase receive"}, {"one rate limit", "backoff", "succeeded"}, {"one hang", "survived", "survived 1 hang"},
	} {
		run(t, ctx, p.name, chromedp.Navigate(s.URL+page.Path), press(chromedp.CSS(`form[action$="/hang"] button[value="`+p.button+`"]`)))
		if p.name == "wait" {
			until(t, ctx, `document.querySelector("svg.trace .phase-wait.in-progress")`)
			picture(t, ctx, "in-progress")
		}
		until(t, ctx, shows("h1", p.ends)+" && "+shows("#log", "operation finished")+" && "+shows("#log", "platform.report"))
		until(t, ctx, `!document.querySelector("svg.trace .in-progress")`)
		picture(t, ctx, p.name)
	}
	run(t, ctx, "the list", chromedp.Navigate(s.URL+page.Path))
	picture(t, ctx, "operations")
}

// picture writes the page as a PNG.
func picture(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	run(t, ctx, "wait for the picture", chromedp.WaitReady(chromedp.CSS("main")))
	raw, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	var small bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, paletted(img)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("..", "..", "docs", "pictures", name+".png")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, small.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// paletted is the picture in the 256 colours that it has most of, the others
// replaced by the nearest: a third of the bytes, and nobody sees it.
func paletted(img image.Image) image.Image {
	count := map[color.Color]int{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			count[color.RGBAModel.Convert(img.At(x, y))]++
		}
	}
	colors := slices.SortedFunc(maps.Keys(count), func(a, b color.Color) int { return count[b] - count[a] })
	out := image.NewPaletted(img.Bounds(), color.Palette(colors[:min(256, len(colors))]))
	draw.Draw(out, out.Bounds(), img, image.Point{}, draw.Src)
	return out
}
