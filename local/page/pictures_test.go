package page_test

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"ragtime/local/page"
	"ragtime/local/system"
	"ragtime/local/system/systemtest"
)

// TestPictures makes the pictures of docs/pictures anew, when asked to with
// RAGTIME_PICTURES=1; any other value is the folder that they go to.
func TestPictures(t *testing.T) {
	if os.Getenv("RAGTIME_PICTURES") == "" {
		t.Skip("RAGTIME_PICTURES is not set: the pictures in docs/pictures stay as they are")
	}
	s := systemtest.Start(t, system.Options{Root: systemtest.Build(t)})
	ctx := browser(t)
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
	run(t, ctx, "a telephone", narrow)
	picture(t, ctx, "survived-narrow")
	run(t, ctx, "the list", wide, chromedp.Navigate(s.URL+page.Path))
	picture(t, ctx, "operations")
}

// TestHomePictures makes those of the page that one starts at, likewise.
func TestHomePictures(t *testing.T) {
	if os.Getenv("RAGTIME_PICTURES") == "" {
		t.Skip("RAGTIME_PICTURES is not set: the pictures in docs/pictures stay as they are")
	}
	s := library(t)
	ctx := browser(t)
	for _, p := range []struct {
		name, scheme string
		size         chromedp.Action[chromedp.Void]
	}{{"ask", "light", wide}, {"ask-dark", "dark", wide}, {"ask-narrow", "light", narrow}, {"ask-narrow-dark", "dark", narrow}} {
		run(t, ctx, "ask", p.size, theme(p.scheme), chromedp.Navigate(s.URL+page.Path), fill("#query", "Does my plan cover glasses?"), press("#ask button.main"))
		until(t, ctx, shows("#said", " passages in "))
		until(t, ctx, shows("#count", "25"))
		run(t, ctx, "open the waterfall", press("#results .waterfall summary"))
		until(t, ctx, `document.querySelector("#results svg.trace")`)
		picture(t, ctx, p.name)
	}
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
	folder := os.Getenv("RAGTIME_PICTURES")
	if folder == "1" {
		folder = filepath.Join("..", "..", "docs", "pictures")
	}
	file := filepath.Join(folder, name+".png")
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
