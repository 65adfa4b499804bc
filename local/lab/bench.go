package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"ragtime/local/lambda"
	"ragtime/local/network"
	"ragtime/local/system"
	"ragtime/local/xray"
	"ragtime/shared/fault"
)

// bench is a system that scenarios run on, one at a time.
type bench struct {
	*system.System
	client *http.Client
	cold   bool // its functions fetch their key from Secrets Manager
	load   bool
	// shared: a process serves several requests at once.
	shared bool
	slack  time.Duration // what an answer may be later than its budget
	// promptly: failures that need no wait are looked at for how soon they came.
	checkPrompt bool

	documents func(string, []json.RawMessage)

	mu       sync.Mutex
	finished map[string]finishLine // finish lines by operation id
	puts     int
	leaks    []string // evidence that tells of a text or the key
}

// finishLine is what the lab reads of a finish line.
type finishLine struct {
	Message       string
	OperationID   string `json:"operation_id"`
	Outcome       string
	TraceID       string `json:"trace_id"`
	BudgetMS      int64  `json:"budget_ms"`
	HangsSurvived int    `json:"hangs_survived"`
	Goroutines    int
	Place
	steps map[string]json.RawMessage // the members, those of the steps among them
	AWS   struct {
		CloudWatchMetrics []struct{ Dimensions [][]string }
	} `json:"_aws"`
}

// attempts is how many a step made.
func (l finishLine) attempts(s fault.Step) int {
	var of struct{ Attempts int }
	if json.Unmarshal(l.steps["step_"+string(s)], &of) != nil {
		return 0
	}
	return of.Attempts
}

// metricPlace is where the line's metrics put a hang.
func (l finishLine) metricPlace() Place {
	for _, m := range l.AWS.CloudWatchMetrics {
		for _, d := range m.Dimensions {
			if slices.Contains(d, "step") && slices.Contains(d, "phase") {
				return l.Place
			}
		}
	}
	return Place{}
}

func newBench(o Options, s Scenario) (*bench, error) {
	b := &bench{cold: s.cold, load: s.load != nil, shared: s.shared || s.load != nil && s.load.shared, slack: o.Slack, checkPrompt: !o.Unmeasured, documents: o.Documents, finished: map[string]finishLine{},
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	var err error
	many := 0
	if b.shared {
		many = perProcess
	}
	b.System, err = system.Start(system.Options{Root: o.Root, SecretKey: s.cold, PerProcess: many, Log: b.recordLine})
	return b, err
}

func (b *bench) close() {
	if b != nil && b.System != nil {
		b.System.Close()
	}
}

// marker is in every text that the lab sends. It must come back in passages only.
const marker = "Quagmire7431"

// checkLeak notes a piece of evidence that shows what none may: a text or the key.
func (b *bench) checkLeak(where, s string) {
	if strings.Contains(s, marker) || strings.Contains(s, system.StandInKey) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.leaks = append(b.leaks, where+": "+s)
	}
}

// verdict puts into words what was not as promised; "" if all was.
func (b *bench) verdict(mistakes []string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.leaks) > 0 {
		mistakes, b.leaks = append(mistakes, "a text or the key was told by "+strings.Join(b.leaks, " and ")), nil
	}
	return strings.Join(mistakes, "; ")
}

// recordLine keeps the finish lines of the functions' log, and what it should not say.
func (b *bench) recordLine(l lambda.Line) {
	b.checkLeak("the log", l.Text)
	var got finishLine
	if l.Platform || json.Unmarshal([]byte(l.Text), &got) != nil || got.Message != "operation finished" {
		return
	}
	json.Unmarshal([]byte(l.Text), &got.steps) // as it did before
	b.mu.Lock()
	defer b.mu.Unlock()
	b.finished[got.OperationID] = got
}

// answer is what came of a request.
type answer struct {
	status  int
	elapsed time.Duration
	id      string // of the operation
	problem struct {
		Type, Detail string
		Attempts     []fault.Attempt
		Place
	}
	retryAfter string
	finish     finishLine
}

// ask makes a request of the scenario's function, ready to wait so long.
func (b *bench) ask(ctx context.Context, s Scenario, wait time.Duration) (answer, error) {
	long, full := s.largeRequest, s.largestDocument
	method, path, body := http.MethodPost, "/retrieve", map[string]any{"query": "does my plan cover " + marker + "?", "top_k": 3}
	if long {
		body["query"] = marker + randomText(5000)
	}
	if s.Function == "answer" {
		path, body = "/answer", map[string]any{"question": "when does the front desk open?", "top_k": 3}
	}
	if s.Function == "embed" {
		b.mu.Lock()
		b.puts++
		text := fmt.Sprintf("Note %d: the front desk of %s opens at half past seven.", b.puts, marker)
		b.mu.Unlock()
		if long {
			text += randomText(20_000)
		}
		if full {
			text = (text + randomText(70_000))[:1<<20]
		}
		method, path, body = http.MethodPut, "/documents/note", map[string]any{"text": text}
	}
	payload, err := json.Marshal(body)
	if err != nil {
		return answer{}, err
	}
	r, err := http.NewRequestWithContext(ctx, method, b.URL+path, strings.NewReader(string(payload)))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	if s.stream {
		r.Header.Set("Accept", "text/event-stream")
	}
	if wait > 0 {
		r.Header.Set("Prefer", "wait="+strconv.Itoa(int(wait.Seconds())))
	}
	start := time.Now()
	resp, err := b.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: resp.StatusCode, elapsed: time.Since(start), id: resp.Header.Get("Ragtime-Operation-Id"), retryAfter: resp.Header.Get("Retry-After")}
	if a.status >= 400 {
		b.checkLeak("the answer", string(got))
		if err := json.Unmarshal(got, &a.problem); err != nil || a.problem.Type == "" {
			return answer{}, fmt.Errorf("%d with a body that is no problem: %s", a.status, got)
		}
	}
	if s.Function == "answer" && a.status == http.StatusOK {
		if err := a.readAnswer(got, s.stream); err != nil {
			return answer{}, err
		}
	}
	a.finish = b.waitFinishLine(a.id)
	return a, nil
}

// readAnswer reads what an answer lacks, as if it were a problem.
func (a *answer) readAnswer(body []byte, stream bool) error {
	if stream {
		events := strings.Split(strings.TrimSuffix(string(body), "\n\n"), "\n\n")
		name, data, ok := strings.Cut(strings.TrimPrefix(events[len(events)-1], "event: "), "\ndata: ")
		if !ok || name != "done" && name != "error" {
			return fmt.Errorf("a stream that ends with %q", events[len(events)-1])
		}
		body = []byte(data)
	}
	var got struct {
		Degraded struct {
			Kind, Reason string
			RetryAfter   int `json:"retry_after_s"`
			Place
		}
	}
	if err := json.Unmarshal(body, &got); err != nil {
		return fmt.Errorf("an answer that is no JSON: %s", body)
	}
	a.problem.Type, a.problem.Detail, a.problem.Place = got.Degraded.Kind, got.Degraded.Reason, got.Degraded.Place
	if got.Degraded.RetryAfter > 0 {
		a.retryAfter = strconv.Itoa(got.Degraded.RetryAfter)
	}
	return nil
}

// randomText is a text of so many words: long ones, since a query is limited by its tokens.
func randomText(n int) string {
	var s strings.Builder
	for i := range n {
		if i%12 == 11 {
			s.WriteString(" covered.")
		}
		s.WriteString([]string{" responsibilities", " representatives", " recommendations", " characteristics"}[rand.IntN(4)])
	}
	return s.String()
}

// waitFinishLine is the operation's finish line, which may come a little after the answer.
func (b *bench) waitFinishLine(id string) finishLine {
	for range 200 {
		b.mu.Lock()
		l, ok := b.finished[id]
		b.mu.Unlock()
		if ok {
			return l
		}
		time.Sleep(10 * time.Millisecond)
	}
	return finishLine{}
}

// host is the service that a scenario strikes.
func (b *bench) host(service string) *network.Host { return b.Network.Host(service) }

// footprint is what a function's process has open.
type footprint struct {
	pid, goroutines, sockets int
}

// disconnect lets the services end the connections that functions keep, so that the
// next request makes its own.
func (b *bench) disconnect() {
	var all sync.WaitGroup
	for _, service := range []string{"openai", "chat", "dynamodb", "secretsmanager"} {
		if h := b.host(service); h != nil {
			all.Go(h.Retire)
		}
	}
	all.Wait()
}

// requestHealthy makes a request without a fault by new connections, and tells how long it took
// and what was open then.
func (b *bench) requestHealthy(ctx context.Context, s Scenario) (time.Duration, footprint, error) {
	b.disconnect()
	s.largeRequest, s.largestDocument = false, false
	a, err := b.ask(ctx, s, 0)
	if err != nil {
		return 0, footprint{}, err
	}
	if a.status >= 300 {
		return 0, footprint{}, fmt.Errorf("a healthy request got %d: %s", a.status, a.problem.Detail)
	}
	all := b.Lambda.Environments(s.Function)
	if len(all) != 1 {
		return 0, footprint{}, fmt.Errorf("%d processes of %s, want 1", len(all), s.Function)
	}
	print := footprint{pid: all[0].PID, goroutines: a.finish.Goroutines}
	if print.sockets, err = countSockets(print.pid); err != nil {
		return 0, footprint{}, err
	}
	return a.elapsed, print, nil
}

// pause lets time go by, in which the functions are frozen, and their connections rest.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// countSockets counts those of a process.
func countSockets(pid int) (n int, err error) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	open, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	for _, fd := range open {
		if to, err := os.Readlink(dir + "/" + fd.Name()); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n, nil
}

// run runs one scenario.
func (b *bench) run(ctx context.Context, s Scenario) (Row, error) {
	if s.load != nil {
		return b.runLoad(ctx, s)
	}
	// A process of its own: what an earlier fault taught one is not this one's.
	b.killProcesses(s.Function)
	if s.Function == "answer" { // from a document that is there
		if _, err := b.ask(ctx, Scenario{Function: "embed"}, 0); err != nil {
			return Row{}, err
		}
	}
	if _, _, err := b.requestHealthy(ctx, s); err != nil { // starts the process
		return Row{}, err
	}
	usual, before, err := b.requestHealthy(ctx, s)
	if err != nil {
		return Row{}, err
	}
	if s.cold {
		b.killProcesses(s.Function)
	}
	switch {
	case s.freeze > 0:
		if err := pause(ctx, s.freeze); err != nil {
			return Row{}, err
		}
	case !s.pooled:
		b.disconnect()
	}
	host := b.host(s.Service)
	if s.hurriedClients > 0 {
		if err := host.Set(always("wait-silent")...); err != nil {
			return Row{}, err
		}
	}
	var hurry errgroup.Group
	hurry.SetLimit(1)
	if s.shared {
		hurry.SetLimit(perProcess)
	}
	for range s.hurriedClients {
		hurry.Go(func() error {
			_, err := b.ask(ctx, s, time.Second)
			return err
		})
	}
	if err := hurry.Wait(); err != nil {
		return Row{}, err
	}
	if err := host.Set(s.Faults...); err != nil {
		return Row{}, err
	}
	billed := b.StandIn.Billed()
	a, err := b.ask(ctx, s, s.wait)
	if err != nil {
		return Row{}, err
	}
	if err := host.Set(); err != nil {
		return Row{}, err
	}
	row := Row{Scenario: s.Name, Function: s.Function, Service: s.Service, Outcome: a.finish.Outcome, Status: a.status,
		Problem: a.problem.Type, ElapsedMS: a.elapsed.Milliseconds(), BudgetMS: a.finish.BudgetMS,
		Response: a.problem.Place, Log: a.finish.Place, Metric: a.finish.metricPlace(), Trace: b.tracePlace(s, a.finish.TraceID), Attempts: a.finish.attempts(s.step())}
	row.Problem = row.Problem[strings.LastIndex(row.Problem, ":")+1:]
	mistakes := s.Want.compare(a, row, usual, b.slack, b.checkPrompt)
	if n := b.StandIn.Billed().Repeated - billed.Repeated; n > 0 && !s.mayRepeat {
		mistakes = append(mistakes, fmt.Sprintf("%d answers of the model were paid for twice", n))
	}
	_, after, err := b.requestHealthy(ctx, s)
	if err == nil && s.cold { // the first one fetched the key, over a connection that rests now
		_, after, err = b.requestHealthy(ctx, s)
	}
	if err != nil {
		return Row{}, fmt.Errorf("after the fault: %w", err)
	}
	// What is still closing at this moment is not left; what stays is.
	for range 5 {
		if after.goroutines <= before.goroutines && after.sockets <= before.sockets {
			break
		}
		if _, after, err = b.requestHealthy(ctx, s); err != nil {
			return Row{}, err
		}
	}
	row.Goroutines, row.Sockets = after.goroutines-before.goroutines, after.sockets-before.sockets
	switch {
	case before.pid != after.pid && !s.cold:
		mistakes = append(mistakes, "the process was replaced")
	case row.Goroutines > 0 || row.Sockets > 0:
		mistakes = append(mistakes, fmt.Sprintf("left %d goroutines and %d sockets", row.Goroutines, row.Sockets))
	}
	row.Verdict = b.verdict(mistakes)
	return row, nil
}

// tracePlace is where the request's trace puts what went wrong: what its operation
// says, if a phase below that step agrees.
func (b *bench) tracePlace(s Scenario, id string) Place {
	for range 100 { // a datagram may come a little after the answer
		roots, err := b.XRay.Tree(id)
		i := slices.IndexFunc(roots, func(n *xray.Node) bool { return n.Kind == xray.Operation && n.State != xray.InProgress })
		if err != nil || i < 0 || slices.ContainsFunc(roots, isOpen) {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		documents := b.XRay.Trace(id)
		for _, d := range documents {
			b.checkLeak("the trace", string(d))
		}
		if b.documents != nil {
			b.documents(s.Name, documents)
		}
		step, _ := roots[i].Annotations["step"].(string)
		phase, _ := roots[i].Annotations["phase"].(string)
		at := Place{fault.Step(step), fault.Phase(phase)}
		if at != (Place{}) && !hasBadPhase(roots[i], at, "") {
			return Place{Step: at.Step, Phase: "no phase of it"}
		}
		return at
	}
	return Place{Step: "no whole trace"}
}

// isOpen tells whether a node, or one below it, is in progress for all that X-Ray knows.
func isOpen(n *xray.Node) bool {
	return n.State == xray.InProgress || slices.ContainsFunc(n.Children, isOpen)
}

// hasBadPhase tells whether a phase of that name ended badly in the step.
func hasBadPhase(n *xray.Node, at Place, step string) bool {
	switch n.Kind {
	case xray.Step:
		step = n.Name
	case xray.Phase:
		if step == string(at.Step) && n.Name == string(at.Phase) && n.State != xray.OK {
			return true
		}
	}
	return slices.ContainsFunc(n.Children, func(c *xray.Node) bool { return hasBadPhase(c, at, step) })
}

// killProcesses ends the function's process; the next request starts another.
func (b *bench) killProcesses(function string) {
	for _, e := range b.Lambda.Environments(function) {
		e.Kill()
	}
}

// compare lists what is not as promised.
func (w Want) compare(a answer, row Row, usual, slack time.Duration, promptly bool) (mistakes []string) {
	miss := func(format string, args ...any) { mistakes = append(mistakes, fmt.Sprintf(format, args...)) }
	budget := time.Duration(row.BudgetMS) * time.Millisecond
	if a.elapsed > budget+slack {
		miss("took %v of %v", a.elapsed.Round(time.Millisecond), budget)
	}
	if row.Status != w.Status || row.Problem != w.Problem {
		miss("want %d %s (%s)", w.Status, w.Problem, a.problem.Detail)
	}
	if at := row.Response; w.Step != "" && at.Step != w.Step || len(w.Phases) > 0 && !slices.Contains(w.Phases, at.Phase) {
		miss("want step %s, phase %s", w.Step, w.Phases)
	}
	if row.Log != row.Response || row.Trace != row.Response {
		miss("log and trace do not say what the response does")
	}
	if hung := row.Problem == "timeout"; hung && row.Metric != row.Response || !hung && row.Metric != (Place{}) {
		miss("the metric does not say what the response does")
	}
	if w.Over > 0 && a.elapsed > usual+w.Over {
		miss("took %v more than a healthy one's %v, want %v", (a.elapsed - usual).Round(time.Millisecond), usual.Round(time.Millisecond), w.Over)
	}
	if w.Within > 0 && promptly && a.elapsed > usual+w.Within {
		miss("took %v more than a healthy one's %v, want %v", (a.elapsed - usual).Round(time.Millisecond), usual.Round(time.Millisecond), w.Within)
	}
	if w.Promptly && promptly && a.elapsed > budget*3/4 {
		miss("took %v of %v to say so", a.elapsed.Round(time.Millisecond), budget)
	}
	if row.Problem == "rate-limited" && a.retryAfter == "" {
		miss("no Retry-After")
	}
	return mistakes
}
