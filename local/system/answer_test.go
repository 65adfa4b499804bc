package system_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"ragtime/local/network"
	"ragtime/local/samples"
	"ragtime/local/system"
	"ragtime/local/system/systemtest"
)

var streams = flag.Int("streams", 40, "how many streams TestStreams begins")

// putSamples puts the sample documents.
func putSamples(t *testing.T, s *system.System) {
	t.Helper()
	for _, d := range samples.Documents() {
		body, _ := json.Marshal(map[string]string{"text": d.Text, "title": d.Title})
		if status := call(t, "PUT", s.URL+"/documents/"+d.ID, string(body), nil); status != 200 {
			t.Fatalf("put %s answered %d", d.ID, status)
		}
	}
}

// postQuestion sends a question. With events it asks for a streamed answer.
func postQuestion(ctx context.Context, s *system.System, question string, events bool) (*http.Response, error) {
	body, _ := json.Marshal(map[string]string{"question": question})
	r, err := http.NewRequestWithContext(ctx, "POST", s.URL+"/answer", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Prefer", "wait=6")
	if events {
		r.Header.Set("Accept", "text/event-stream")
	}
	return http.DefaultClient.Do(r)
}

// The answers to the samples' questions cite the fact.
func TestAnswersToTheSamples(t *testing.T) {
	s := systemtest.Start(t, system.Options{Root: systemtest.Build(t)})
	putSamples(t, s)
	right := 0
	for _, q := range samples.Questions() {
		resp, err := postQuestion(t.Context(), s, q.Question, false)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Answer    *string
			Citations []struct {
				DocumentID string `json:"document_id"`
				Text       string
			}
			Degraded any
		}
		err = json.NewDecoder(resp.Body).Decode(&got)
		resp.Body.Close()
		if err != nil || got.Answer == nil || got.Degraded != nil {
			t.Fatalf("%q: got %d %+v and %v", q.Question, resp.StatusCode, got, err)
		}
		cited := false
		for _, c := range got.Citations {
			cited = cited || c.DocumentID == q.Document && strings.Contains(c.Text, q.Fact)
		}
		if cited {
			right++
		} else {
			t.Logf("%q: %q cites nothing with %q", q.Question, *got.Answer, q.Fact)
		}
	}
	if all := len(samples.Questions()); right < 36 || all != 40 {
		t.Errorf("%d of %d answers cite a passage with the fact, want 36 of 40", right, all)
	}
}

// readEvents reads a stream to its end. It calls each after every event's name, and
// returns the last name.
func readEvents(body io.Reader, each func()) (last string, err error) {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			last = name
			each()
		}
	}
	return last, lines.Err()
}

// A client that leaves ends the call of the model within a second.
func TestLeavingEndsTheModelsCall(t *testing.T) {
	s := systemtest.Start(t, system.Options{Root: systemtest.Build(t)})
	putSamples(t, s)
	s.StandIn.SetPace(5) // tokens a second: an answer takes many seconds
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	resp, err := postQuestion(ctx, s, "Does my plan cover glasses?", true)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	readEvents(resp.Body, func() {
		if seen++; seen == 3 { // passages and two pieces of text
			cancel()
		}
	})
	left := time.Now()
	for s.StandIn.Billed().Open > 0 {
		if time.Since(left) > 5*time.Second { // a second, on a machine that is not busy
			t.Fatalf("the model's call goes on %v after the client left", time.Since(left))
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Logf("the model's call ended %v after the client left", time.Since(left))
}

// Streams end with an event or a broken connection, in time, whatever clients and
// the model do, and leave nothing behind.
func TestStreams(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	s := systemtest.Start(t, system.Options{Root: systemtest.Build(t)})
	putSamples(t, s)
	s.StandIn.SetPace(200)
	questions := samples.Questions()
	faults := [][]network.Fault{
		nil,
		nil,
		{{Name: "wait-silent", Share: 0.3}},
		{{Name: "reset", Share: 0.3}},
		{{Name: "receive-half", Share: 0.3}},
		{{Name: "answer-503", Share: 0.5}},
		{{Name: "receive-drip", Share: 0.3}},
	}
	var mu sync.Mutex
	ends := map[string]int{}
	const atOnce = 20
	for begun := 0; begun < *streams; begun += atOnce {
		fault := faults[random.IntN(len(faults))]
		if begun == 0 {
			fault = nil
		}
		if err := s.Network.Host("chat").Set(fault...); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range atOnce {
			q := questions[random.IntN(len(questions))].Question
			how := random.IntN(4)
			after := random.IntN(30)
			all.Go(func() {
				end, err := streamOnce(t.Context(), s, q, how, after)
				mu.Lock()
				defer mu.Unlock()
				ends[end]++
				if err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
			})
		}
		all.Wait()
	}
	s.Network.Host("chat").Set()
	t.Logf("seed %d: streams ended with %v", seed, ends)
	if ends["done"] == 0 || ends["left"] == 0 && *streams >= 200 {
		t.Errorf("seed %d: streams ended with %v, want some that are whole and some that were left", seed, ends)
	}
	gone := time.Now()
	for s.StandIn.Billed().Open > 0 {
		if time.Since(gone) > 15*time.Second {
			t.Fatalf("seed %d: %d calls of the model go on", seed, s.StandIn.Billed().Open)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// streamOnce reads one stream. With how 0 the client leaves after a number of events;
// with 1 it waits for so many milliseconds at each; else it reads all. It returns how
// the stream ended.
func streamOnce(ctx context.Context, s *system.System, question string, how, after int) (end string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	leave, cancelLeave := context.WithCancel(ctx)
	defer cancelLeave()
	resp, err := postQuestion(leave, s, question, true)
	if err != nil {
		return "refused", err
	}
	defer resp.Body.Close()
	if resp.StatusCode == 504 { // on a busy machine the search may take all of the time
		return "timed out", nil
	}
	if resp.StatusCode != 200 {
		body, _ := io.ReadAll(resp.Body)
		return "refused", fmt.Errorf("%d %s", resp.StatusCode, body)
	}
	seen := 0
	last, err := readEvents(resp.Body, func() {
		seen++
		switch {
		case how == 0 && seen > after:
			cancelLeave()
		case how == 1:
			time.Sleep(time.Duration(after) * time.Millisecond)
		}
	})
	switch {
	case ctx.Err() != nil:
		return "late", errors.New("a stream did not end in 30 s")
	case leave.Err() != nil:
		return "left", nil
	case err != nil:
		return "broken", fmt.Errorf("a stream broke after the event %s: %w", last, err)
	case last != "done" && last != "error":
		return "broken", fmt.Errorf("a stream ended with the event %s", last)
	}
	return last, nil
}

// sseScript reads a stream with the client httpx-sse.
const sseScript = `
import json, sys
import httpx
from httpx_sse import connect_sse
events = []
with httpx.Client(timeout=30) as client:
    with connect_sse(client, "POST", sys.argv[1] + "/answer", json={"question": sys.argv[2]}) as source:
        for event in source.iter_sse():
            events.append([event.event, json.loads(event.data)])
json.dump(events, sys.stdout)
`

func TestPublicClientReadsTheStream(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err == nil {
		err = exec.Command(python, "-c", "import httpx_sse").Run()
	}
	if err != nil {
		t.Skip("skipped: python3 with httpx-sse is not installed")
	}
	s := systemtest.Start(t, system.Options{Root: systemtest.Build(t)})
	putSamples(t, s)
	var errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), python, "-c", sseScript, s.URL, "Does my plan cover glasses?")
	cmd.Stderr = &errs
	raw, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &errs)
	}
	var events [][2]json.RawMessage
	if err := json.Unmarshal(raw, &events); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	var names []string
	var text strings.Builder
	for _, e := range events {
		names = append(names, strings.Trim(string(e[0]), `"`))
		var piece struct{ Text string }
		json.Unmarshal(e[1], &piece)
		text.WriteString(piece.Text)
	}
	n := len(names)
	if n < 4 || names[0] != "passages" || names[1] != "text" || names[n-2] != "citations" || names[n-1] != "done" ||
		!strings.Contains(text.String(), "]") {
		t.Errorf("got events %v and text %q", names, &text)
	}
}
