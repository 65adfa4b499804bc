package page

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"ragtime/local/network"
)

// hang is a button of the page: a fault, and a request that meets it.
type hang struct {
	Name  string
	Fault network.Fault
	Once  bool // it is survived
	long  bool // the request has to be larger than what kernels take unasked
}

// hangs are the buttons, in the order of an attempt's way.
var hangs = []hang{
	{Name: "dns", Fault: network.Fault{Name: "dns-silent"}},
	{Name: "connect", Fault: network.Fault{Name: "connect-silent"}},
	{Name: "tls", Fault: network.Fault{Name: "tls-silent"}},
	{Name: "send", Fault: network.Fault{Name: "send-stalls"}, long: true},
	{Name: "wait", Fault: network.Fault{Name: "wait-silent"}},
	{Name: "receive", Fault: network.Fault{Name: "receive-half"}},
	{Name: "one hang", Fault: network.Fault{Name: "wait-silent", Times: 1}, Once: true},
	{Name: "one rate limit", Fault: network.Fault{Name: "rate-limited", Times: 1}, Once: true},
}

// hangWait is how many seconds the request of a button waits: long enough to be
// seen in progress (half of it is the first step's), short enough to be watched to
// its end.
const hangWait = 6

// stage is the service that the buttons make hang: the first one, which a
// retrieval meets first.
func (p *Page) stage() *network.Host { return p.hosts[0] }

// hangs are the buttons that the stage has faults for.
func (p *Page) hangs(once bool) (out []hang) {
	if len(p.hosts) == 0 {
		return nil
	}
	for _, h := range hangs {
		known := slices.ContainsFunc(p.stage().Kinds(), func(k network.Kind) bool { return k.Name == h.Fault.Name })
		// Only OpenAI is sent something long.
		if known && h.Once == once && (!h.long || p.stage().Name() == "openai") {
			out = append(out, h)
		}
	}
	return out
}

// hang switches a button's fault on and sends its request, to a fresh process.
func (p *Page) hang(w http.ResponseWriter, r *http.Request) {
	all := append(p.hangs(false), p.hangs(true)...)
	i := slices.IndexFunc(all, func(h hang) bool { return h.Name == r.FormValue("phase") })
	if i < 0 {
		p.index(w, r, http.StatusBadRequest, fmt.Errorf("there is no hang %q here", r.FormValue("phase")))
		return
	}
	h := all[i]
	query := "does my plan cover glasses?"
	if h.long {
		query += strings.Repeat(" responsibilities representatives recommendations characteristics", 1250)
	}
	p.fresh()
	p.lead(w, r, p.stage().Set(h.Fault), request{http.MethodPost, "/retrieve", map[string]any{"query": query, "top_k": 3}, hangWait})
}

// switchOn puts the form's fault in the place of those that are on.
func (p *Page) switchOn(w http.ResponseWriter, r *http.Request) {
	host, err := p.host(r)
	if err == nil {
		var f network.Fault
		if f, err = formFault(r); err == nil {
			err = host.Set(f)
		}
	}
	p.back(w, r, err)
}

// switchOff heals the form's service.
func (p *Page) switchOff(w http.ResponseWriter, r *http.Request) {
	host, err := p.host(r)
	if err == nil {
		err = host.Set()
	}
	p.back(w, r, err)
}

// back shows the page again, with what was wrong if something was.
func (p *Page) back(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		p.index(w, r, http.StatusBadRequest, err)
		return
	}
	http.Redirect(w, r, Path, http.StatusSeeOther)
}

func (p *Page) host(r *http.Request) (*network.Host, error) {
	for _, h := range p.hosts {
		if h.Name() == r.FormValue("service") {
			return h, nil
		}
	}
	return nil, fmt.Errorf("there is no service %q here", r.FormValue("service"))
}

func formFault(r *http.Request) (network.Fault, error) {
	f := network.Fault{Name: r.FormValue("fault")}
	for field, into := range map[string]*int{"times": &f.Times, "min_ms": &f.MinMS, "max_ms": &f.MaxMS} {
		n, err := number(r, field, 1e6)
		if err != nil {
			return f, err
		}
		*into = int(n)
	}
	percent, err := number(r, "share", 100)
	if percent < 100 { // of all is what no share means
		f.Share = percent / 100
	}
	return f, err
}

// on is a service with what is on at it.
type on struct {
	Service string
	Faults  []string
}

// on tells what is on, where something is.
func (p *Page) on() (out []on) {
	for _, h := range p.hosts {
		if faults := h.Faults(); len(faults) > 0 {
			o := on{Service: h.Name()}
			for _, f := range faults {
				o.Faults = append(o.Faults, describe(f, h.Kinds()))
			}
			out = append(out, o)
		}
	}
	return out
}

// describe is a fault in words.
func describe(f network.Fault, kinds []network.Kind) string {
	out := f.Name
	switch {
	case f.Times == 1:
		out += " once"
	case f.Times > 1:
		out += fmt.Sprintf(" %d times", f.Times)
	}
	if f.Share > 0 {
		out += fmt.Sprintf(", %g %% of what comes", 100*f.Share)
	}
	if f.MaxMS > 0 {
		out += fmt.Sprintf(", %d to %d ms", f.MinMS, f.MaxMS)
	}
	for _, k := range kinds {
		if k.Name == f.Name {
			out += ": " + k.Meaning
		}
	}
	return out
}

// group is faults of one kind, for the form.
type group struct {
	Label string
	Kinds []network.Kind
}

// groups sorts the faults of all services by where a client meets them; those
// of one service only come last.
func (p *Page) groups() (out []group) {
	if len(p.hosts) == 0 {
		return nil
	}
	add := func(label string, k network.Kind) {
		i := slices.IndexFunc(out, func(g group) bool { return g.Label == label })
		if i < 0 {
			i, out = len(out), append(out, group{Label: label})
		}
		out[i].Kinds = append(out[i].Kinds, k)
	}
	general := general(p.hosts)
	for _, k := range p.hosts[0].Kinds() {
		switch {
		case !general[k.Name]:
		case k.Phase != "":
			add("met in phase "+string(k.Phase), k)
		default:
			add("answered, but", k)
		}
	}
	for _, h := range p.hosts {
		for _, k := range h.Kinds() {
			if !general[k.Name] {
				add("only "+h.Name(), k)
			}
		}
	}
	return out
}

// general are the faults that every service has in the same way.
func general(hosts []*network.Host) map[string]bool {
	times := map[string]int{}
	for _, h := range hosts {
		for _, k := range h.Kinds() {
			times[k.Name+k.Meaning]++
		}
	}
	out := map[string]bool{}
	for _, k := range hosts[0].Kinds() {
		out[k.Name] = times[k.Name+k.Meaning] == len(hosts)
	}
	return out
}
