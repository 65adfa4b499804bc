package network

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// ServeHTTP is the control of the network, in JSON. GET / shows the services, their
// faults and which are on. PUT /{service} with a Fault, or a list of them, sets
// faults; DELETE /{service} removes them. Both answer with what is on now.
func (n *Network) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	service := strings.Trim(r.URL.Path, "/")
	if service == "" {
		if r.Method != http.MethodGet {
			writeJSON(w, http.StatusMethodNotAllowed, problem{"GET / tells, PUT /{service} sets, DELETE /{service} heals"})
			return
		}
		all := map[string]state{}
		for _, h := range n.services() {
			all[h.name] = h.state()
		}
		writeJSON(w, http.StatusOK, map[string]any{"services": all})
		return
	}
	h := n.Host(service)
	if h == nil {
		var names []string
		for _, h := range n.services() {
			names = append(names, h.name)
		}
		writeJSON(w, http.StatusNotFound, problem{fmt.Sprintf("there is no service %q; there are %s", service, strings.Join(names, ", "))})
		return
	}
	h.control(w, r)
}

func (h *Host) control(w http.ResponseWriter, r *http.Request) {
	var faults []Fault
	var err error
	switch r.Method {
	case http.MethodGet:
		writeJSON(w, http.StatusOK, h.state())
		return
	case http.MethodDelete:
	case http.MethodPut:
		faults, err = readFaults(http.MaxBytesReader(w, r.Body, 64<<10))
	default:
		writeJSON(w, http.StatusMethodNotAllowed, problem{"GET tells, PUT sets, DELETE heals"})
		return
	}
	if err == nil {
		err = h.Set(faults...)
	}
	if err != nil {
		writeJSON(w, http.StatusBadRequest, problem{err.Error()})
		return
	}
	now := h.state()
	now.Faults = nil // only GET shows those
	writeJSON(w, http.StatusOK, now)
}

// readFaults reads a fault or a list of them.
func readFaults(r io.Reader) ([]Fault, error) {
	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var one Fault
	var list []Fault
	var into any = &one
	if raw = bytes.TrimSpace(raw); len(raw) > 0 && raw[0] == '[' {
		into = &list
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return nil, fmt.Errorf(`want a fault such as {"fault":"wait-silent"}, or a list of them: %w`, err)
	}
	if d.More() {
		return nil, fmt.Errorf("want one fault or one list, found more")
	}
	if into == &one {
		list = []Fault{one}
	}
	return list, nil
}

type problem struct {
	Error string `json:"error"`
}

// state is a service as the control shows it.
type state struct {
	URL    string  `json:"url"`
	On     []Fault `json:"on"`
	Counts Counts  `json:"counts"`
	// Counted is what the service itself counts, if its handler is a Counter.
	Counted any        `json:"counted,omitempty"`
	Faults  []kindJSON `json:"faults,omitempty"` // all that the service has; in the answer to GET
}

type kindJSON struct {
	Name    string `json:"fault"`
	Phase   string `json:"phase,omitempty"`
	Meaning string `json:"meaning"`
}

// Counter is a handler that counts what it serves, for a test or a person to see.
// Counted returns a value that can be encoded as JSON.
type Counter interface{ Counted() any }

func (h *Host) state() state {
	s := state{URL: h.URL(), On: h.Faults(), Counts: h.Counts()}
	if c, ok := h.handler.(Counter); ok {
		s.Counted = c.Counted()
	}
	for _, k := range h.kinds {
		s.Faults = append(s.Faults, kindJSON{k.Name, string(k.Phase), k.Meaning})
	}
	return s
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.Encode(v)
}
