// Package price says what tokens cost. A model whose price is not known has none:
// no figure is better than a wrong one.
package price

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
)

// Price is what a model's tokens cost, in US dollars a million.
type Price struct {
	Input  float64 // that it reads: a prompt's, or of texts to embed
	Output float64 // that it writes
}

// List is the prices of models by name.
type List map[string]Price

// OpenAI is what OpenAI takes for models that are likely to be used here, without
// its discounts for what it has cached:
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

// Parse reads prices as "gpt-4.1-mini=0.40/1.60,text-embedding-3-small=0.02": a
// model, what its input costs and, after a slash, its output. Empty is none.
// All mistakes are reported at once.
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

// parsePrice is -1 for what is none.
func parsePrice(s string) float64 {
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || !(n >= 0 && n < 1e6) {
		return -1
	}
	return n
}

// With is the list with others on top of it.
func (l List) With(others List) List {
	out := maps.Clone(l)
	if out == nil {
		out = List{}
	}
	maps.Copy(out, others)
	return out
}

// dateSuffix ends the names of a model's versions, such as gpt-4.1-mini-2025-04-14.
var dateSuffix = regexp.MustCompile(`-\d{4}-\d{2}-\d{2}$`)

// Cost is what tokens cost in US dollars; ok is false for a model without a price.
func (l List) Cost(model string, input, output int) (usd float64, ok bool) {
	p, ok := l[model]
	if !ok {
		p, ok = l[dateSuffix.ReplaceAllString(model, "")]
	}
	return (float64(input)*p.Input + float64(output)*p.Output) / 1e6, ok
}
