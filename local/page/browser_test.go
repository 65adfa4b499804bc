package page_test

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is for a busy machine: what is waited for comes in seconds.
const patience = 90 * time.Second

// browser starts a headless Chromium, whose every complaint fails the test: a
// script's error, a file that is not there, what the page's policy forbids. Answers
// with the given statuses are none. Start it after what it looks at: what is there
// longer than the browser leaves no page without answers.
func browser(t *testing.T, statuses ...string) context.Context {
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
			for _, status := range statuses {
				if strings.Contains(e.Entry.Text, "the server responded with a status of "+status) {
					return
				}
			}
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

// wide and narrow are screens: a laptop's, and a telephone's.
var (
	wide   = chromedp.EmulateViewport(1280, 900)
	narrow = chromedp.EmulateViewport(400, 800)
)

// fits fails the test if the page is wider than the screen.
func fits(t *testing.T, ctx context.Context, what string) {
	t.Helper()
	const wider = `(() => {
  const most = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= most) return "";
  const over = [...document.querySelectorAll("body *")].filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > most + 1);
  return document.documentElement.scrollWidth + " px on " + most + ": " + over.slice(0, 5).map((e) => e.outerHTML.slice(0, 100)).join("\n");
})()`
	if over := evaluate[string](t, ctx, wider); over != "" {
		t.Errorf("%s: the page is wider than the screen: %s", what, over)
	}
}
