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

// bench is a system on which scenarios run, one at a time.
type bench struct {
	*system.System
	client *http.Client
	cold   bool          // its functions fetch their key from Secrets Manager
	load   bool          // it runs scenarios with a load
	shared bool          // one function process serves several requests at once
	slack  time.Duration // by how much an answer may exceed its budget
	// checkPrompt says whether to check how soon failures come that need no wait.
	checkPrompt bool

	documents func(string, []json.RawMessage)

	mu       sync.Mutex
	finished map[string]finishLine // by operation id
	puts     int
	leaks    []string // evidence that has a text or the key in it
}

// finishLine is what the lab reads of the log line "operation finished".
type finishLine struct {
	Message       string
	OperationID   string `json:"operation_id"`
	Outcome       string
	TraceID       string `json:"trace_id"`
	BudgetMS      int64  `json:"budget_ms"`
	HangsSurvived int    `json:"hangs_survived"`
	Goroutines    int
	Place
	steps map[string]json.RawMessage // all members, among them step_<name>
	AWS   struct {
		CloudWatchMetrics []struct{ Dimensions [][]string }
	} `json:"_aws"`
}

// attempts returns how many attempts a step made.
func (l finishLine) attempts(s fault.Step) int {
	var of struct{ Attempts int }
	if json.Unmarshal(l.steps["step_"+string(s)], &of) != nil {
		return 0
	}
	return of.Attempts
}

// metricPlace returns the place of a hang in the line's metrics; empty if they have none.
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
	b := &bench{
		client:      &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
		cold:        s.cold,
		load:        s.load != nil,
		shared:      s.shared || s.load != nil && s.load.shared,
		slack:       o.Slack,
		checkPrompt: !o.Unmeasured,
		documents:   o.Documents,
		finished:    map[string]finishLine{},
	}
	var err error
	options := system.Options{
		Root:      o.Root,
		SecretKey: s.cold,
		Log:       b.recordLine,
	}
	if b.shared {
		options.PerProcess = perProcess
	}
	b.System, err = system.Start(options)
	return b, err
}

func (b *bench) close() {
	if b != nil && b.System != nil {
		b.System.Close()
	}
}

// marker is in every text that the lab sends. It may come back in passages only.
const marker = "Quagmire7431"

// checkLeak records a piece of evidence that has a text or the key in it.
func (b *bench) checkLeak(where, s string) {
	if strings.Contains(s, marker) || strings.Contains(s, system.StandInKey) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.leaks = append(b.leaks, where+": "+s)
	}
}

// verdict returns the broken promises, with the leaks since the last verdict; "" if
// none.
func (b *bench) verdict(mistakes []string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.leaks) > 0 {
		mistakes = append(mistakes, "a text or the key was told by "+strings.Join(b.leaks, " and "))
		b.leaks = nil
	}
	return strings.Join(mistakes, "; ")
}

// recordLine keeps the finish lines of the functions' log, and checks every line for
// leaks.
func (b *bench) recordLine(l lambda.Line) {
	b.checkLeak("the log", l.Text)
	var got finishLine
	if l.Platform || json.Unmarshal([]byte(l.Text), &got) != nil || got.Message != "operation finished" {
		return
	}
	json.Unmarshal([]byte(l.Text), &got.steps) // succeeds, as the text is JSON
	b.mu.Lock()
	defer b.mu.Unlock()
	b.finished[got.OperationID] = got
}

// answer is the result of a request.
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

// request returns a request to the scenario's function. A put has another text each time.
func (b *bench) request(s Scenario) (method, path string, body map[string]any) {
	switch s.Function {
	case "answer":
		return http.MethodPost, "/answer", map[string]any{"question": "when does the front desk open?", "top_k": 3}
	case "embed":
		b.mu.Lock()
		b.puts++
		text := fmt.Sprintf("Note %d: the front desk of %s opens at half past seven.", b.puts, marker)
		b.mu.Unlock()
		if s.largeRequest {
			text += randomText(20_000)
		}
		if s.largestDocument {
			text = (text + randomText(70_000))[:1<<20]
		}
		return http.MethodPut, "/documents/note", map[string]any{"text": text}
	}
	query := "does my plan cover " + marker + "?"
	if s.largeRequest {
		query = marker + randomText(5000)
	}
	return http.MethodPost, "/retrieve", map[string]any{"query": query, "top_k": 3}
}

// ask makes a request to the scenario's function, with wait as its Prefer: wait unless
// that is 0.
func (b *bench) ask(ctx context.Context, s Scenario, wait time.Duration) (answer, error) {
	method, path, body := b.request(s)
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
	a := answer{
		status:     resp.StatusCode,
		elapsed:    time.Since(start),
		id:         resp.Header.Get("Ragtime-Operation-Id"),
		retryAfter: resp.Header.Get("Retry-After"),
	}
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

// readAnswer reads the member "degraded" of an answer into a.problem.
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
	a.problem.Type = got.Degraded.Kind
	a.problem.Detail = got.Degraded.Reason
	a.problem.Place = got.Degraded.Place
	if got.Degraded.RetryAfter > 0 {
		a.retryAfter = strconv.Itoa(got.Degraded.RetryAfter)
	}
	return nil
}

// randomText returns a text of n long words. They are long since the limit of a query
// is in tokens.
func randomText(n int) string {
	longWords := []string{" responsibilities", " representatives", " recommendations", " characteristics"}
	var s strings.Builder
	for i := range n {
		if i%12 == 11 {
			s.WriteString(" covered.")
		}
		s.WriteString(longWords[rand.IntN(len(longWords))])
	}
	return s.String()
}

// waitFinishLine returns an operation's finish line, which may come a little after the
// answer. It returns an empty one after 2 s.
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

// host returns a service of the network.
func (b *bench) host(service string) *network.Host { return b.Network.Host(service) }

// kept is how many connections to a host a function's pool keeps.
const kept = 16

// footprint is what a function's process has open.
type footprint struct {
	pid        int
	goroutines int
	sockets    int
}

// disconnect makes the services end the connections that functions keep, so that the
// next request makes new ones.
func (b *bench) disconnect() {
	var all sync.WaitGroup
	for _, service := range []string{"openai", "chat", "dynamodb", "secretsmanager"} {
		if h := b.host(service); h != nil {
			all.Go(h.Retire)
		}
	}
	all.Wait()
}

// requestHealthy makes a request without a fault over new connections. It returns how
// long the request took, and what the process had open then.
func (b *bench) requestHealthy(ctx context.Context, s Scenario) (time.Duration, footprint, error) {
	b.awaitFrozen(s)
	b.disconnect()
	s.largeRequest = false
	s.largestDocument = false
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

// awaitFrozen waits until no process of the scenario's function is busy. After an answer a
// process may need a moment until it asks for the next invocation, on a busy machine more
// than Lambda waits for it: the next request would start a second process.
func (b *bench) awaitFrozen(s Scenario) {
	busy := func(e lambda.Environment) bool { return e.State == "busy" }
	for range 500 {
		if s.shared || !slices.ContainsFunc(b.Lambda.Environments(s.Function), busy) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// pause waits for d, while the functions are frozen and their connections are idle.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// countSockets counts the sockets of a process.
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
	// The scenario gets a new process, which has not learned from an earlier fault.
	b.killProcesses(s.Function)
	if s.Function == "answer" { // it needs a document
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
	b.awaitFrozen(s)
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
	// Counted while the fault is on: a server that goes on reading finds the requests of
	// clients who have left, and whether those are paid for nobody can know.
	repeated := b.StandIn.Billed().Repeated - billed.Repeated
	if err := host.Set(); err != nil {
		return Row{}, err
	}
	row := Row{
		Scenario:  s.Name,
		Function:  s.Function,
		Service:   s.Service,
		Outcome:   a.finish.Outcome,
		Status:    a.status,
		Problem:   a.problem.Type,
		ElapsedMS: a.elapsed.Milliseconds(),
		BudgetMS:  a.finish.BudgetMS,
		Response:  a.problem.Place,
		Log:       a.finish.Place,
		Metric:    a.finish.metricPlace(),
		Trace:     b.tracePlace(s, a.finish.TraceID),
		Attempts:  a.finish.attempts(s.step()),
	}
	row.Problem = row.Problem[strings.LastIndex(row.Problem, ":")+1:]
	mistakes := s.Want.compare(a, row, usual, b.slack, b.checkPrompt)
	if repeated > 0 && !s.mayRepeat {
		mistakes = append(mistakes, fmt.Sprintf("%d answers of the model were paid for twice", repeated))
	}
	_, after, err := b.requestHealthy(ctx, s)
	if err == nil && s.cold { // the first request also fetched the key, over a connection that is idle now
		_, after, err = b.requestHealthy(ctx, s)
	}
	if err != nil {
		return Row{}, fmt.Errorf("after the fault: %w", err)
	}
	// What is still closing at this moment is no leak. What stays open is one.
	for range 5 {
		if after.goroutines <= before.goroutines && after.sockets <= before.sockets {
			break
		}
		if _, after, err = b.requestHealthy(ctx, s); err != nil {
			return Row{}, err
		}
	}
	row.Goroutines = after.goroutines - before.goroutines
	row.Sockets = after.sockets - before.sockets
	switch {
	case before.pid != after.pid && !s.cold:
		mistakes = append(mistakes, "the process was replaced")
	case s.shared && row.Sockets <= kept && row.Goroutines <= 2*kept:
		// Many at once open many connections. Those stay in the pool for a minute, with two goroutines each.
	case row.Goroutines > 0 || row.Sockets > 0:
		mistakes = append(mistakes, fmt.Sprintf("left %d goroutines and %d sockets", row.Goroutines, row.Sockets))
	}
	row.Verdict = b.verdict(mistakes)
	return row, nil
}

// tracePlace returns the place that the annotations of a trace's operation name. If no
// phase below that step ended badly, it returns a Place that says so.
func (b *bench) tracePlace(s Scenario, id string) Place {
	for range 100 { // a datagram may come a little after the answer
		roots, err := b.XRay.Tree(id)
		i := slices.IndexFunc(roots, func(n *xray.Node) bool {
			return n.Kind == xray.Operation && n.State != xray.InProgress
		})
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

// isOpen reports whether a node, or one below it, is in progress as far as X-Ray knows.
func isOpen(n *xray.Node) bool {
	return n.State == xray.InProgress || slices.ContainsFunc(n.Children, isOpen)
}

// hasBadPhase reports whether a phase at a place ended badly. step is that of n.
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

// killProcesses kills the function's processes. The next request starts a new one.
func (b *bench) killProcesses(function string) {
	for _, e := range b.Lambda.Environments(function) {
		e.Kill()
	}
}

// compare returns the broken promises. usual is the time of a healthy request.
func (w Want) compare(a answer, row Row, usual, slack time.Duration, promptly bool) (mistakes []string) {
	miss := func(format string, args ...any) { mistakes = append(mistakes, fmt.Sprintf(format, args...)) }
	budget := time.Duration(row.BudgetMS) * time.Millisecond
	if a.elapsed > budget+slack {
		miss("took %v of %v", a.elapsed.Round(time.Millisecond), budget)
	}
	if row.Status != w.Status || row.Problem != w.Problem {
		miss("want %d %s (%s)", w.Status, w.Problem, a.problem.Detail)
	}
	at := row.Response
	if w.Step != "" && at.Step != w.Step || len(w.Phases) > 0 && !slices.Contains(w.Phases, at.Phase) {
		miss("want step %s, phase %s", w.Step, w.Phases)
	}
	if row.Log != row.Response || row.Trace != row.Response {
		miss("log and trace do not say what the response does")
	}
	if hung := row.Problem == "timeout"; hung && row.Metric != row.Response || !hung && row.Metric != (Place{}) {
		miss("the metric does not say what the response does")
	}
	more := (a.elapsed - usual).Round(time.Millisecond)
	if w.Over > 0 && a.elapsed > usual+w.Over {
		miss("took %v more than a healthy one's %v, want %v", more, usual.Round(time.Millisecond), w.Over)
	}
	if w.Within > 0 && promptly && a.elapsed > usual+w.Within {
		miss("took %v more than a healthy one's %v, want %v", more, usual.Round(time.Millisecond), w.Within)
	}
	if w.Promptly && promptly && a.elapsed > budget*3/4 {
		miss("took %v of %v to say so", a.elapsed.Round(time.Millisecond), budget)
	}
	if row.Problem == "rate-limited" && a.retryAfter == "" {
		miss("no Retry-After")
	}
	return mistakes
}
