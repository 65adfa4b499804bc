// Package price says what tokens cost. Where a model's price is not known there is no cost,
// since a wrong figure would be worse.
package price

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
)

// Price is what a model's tokens cost, in US dollars per million.
type Price struct {
	Input  float64 // tokens of prompts, or of texts to embed
	Output float64 // tokens that the model writes
}

// List has the prices of models by their names.
type List map[string]Price

// OpenAI is what OpenAI takes for models that are likely to be used here, without its
// discounts for cached tokens:
// https://developers.openai.com/api/docs/pricing, as https://tokenmath.io and
// https://deploybase.ai quoted it between March and June 2026 (read 2026-11-25).
var OpenAI = List{
	"text-embedding-3-small": {Input: 0.02},
	"text-embedding-3-large": {Input: 0.13},
	"gpt-4.1":                {2, 8},
	"gpt-4.1-mini":           {0.40, 1.60},
	"gpt-4.1-nano":           {0.10, 0.40},
	"gpt-4o":                 {2.50, 10},
	"gpt-4o-mini":            {0.15, 0.60},
	"gpt-5.4":                {2.50, 15},
	"gpt-5.4-mini":           {0.75, 4.50},
}

// Parse reads prices such as "gpt-4.1-mini=0.40/1.60,text-embedding-3-small=0.02": model,
// price of input and, after a slash, price of output. An empty text has none. The error
// has all mistakes.
func Parse(text string) (List, error) {
	out := List{}
	var mistakes []error
	for entry := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(entry) == "" {
			continue
		}
		model, value, _ := strings.Cut(entry, "=")
		input, output, two := strings.Cut(value, "/")
		if !two {
			output = "0"
		}
		p := Price{parsePrice(input), parsePrice(output)}
		if model = strings.TrimSpace(model); model == "" || p.Input < 0 || p.Output < 0 {
			mistakes = append(mistakes, fmt.Errorf("%q is no price: want model=input/output in dollars a million tokens", entry))
			continue
		}
		out[model] = p
	}
	return out, errors.Join(mistakes...)
}

// parsePrice returns -1 for a text that is no price.
func parsePrice(s string) float64 {
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || !(n >= 0 && n < 1e6) {
		return -1
	}
	return n
}

// With returns the list with other prices added, or put in place of its own.
func (l List) With(others List) List {
	out := maps.Clone(l)
	if out == nil {
		out = List{}
	}
	maps.Copy(out, others)
	return out
}

// dateSuffix is the end of a version's name, such as gpt-4.1-mini-2025-04-14.
var dateSuffix = regexp.MustCompile(`-\d{4}-\d{2}-\d{2}$`)

// Cost returns what tokens cost, in US dollars. A version without a price has its model's.
// ok is false where there is neither.
func (l List) Cost(model string, input, output int) (usd float64, ok bool) {
	p, ok := l[model]
	if !ok {
		p, ok = l[dateSuffix.ReplaceAllString(model, "")]
	}
	return (float64(input)*p.Input + float64(output)*p.Output) / 1e6, ok
}
