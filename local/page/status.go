package page

import (
	"encoding/json"
	"net/http"
)

// status tells the script how the operation of a trace is doing. The answer is 200
// also where nothing is known of it yet: state is empty then.
func (p *Page) status(w http.ResponseWriter, r *http.Request) {
	var out struct {
		State    string `json:"state"` // "in progress", "ok", "timeout", "error"
		Headline string `json:"headline"`
	}
	if op, found := p.log.Find(r.PathValue("trace")); found {
		out.State, out.Headline = op.State(), op.Headline()
		if op.Place() != "" && op.Outcome == "" {
			out.Headline += " (" + op.Meaning() + ")"
		}
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(out)
}
