package system_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"ragtime/local/dynamo"
	"ragtime/local/system"
	"ragtime/local/system/systemtest"
)

var updateCosts = flag.Bool("update-costs", false, "write the table of docs/costs.md anew")

const costsFile = "../../docs/costs.md"

// Prices of DynamoDB on demand, us-east-1, in US dollars. docs/costs.md has the source.
const (
	pricePerMillionWrites = 0.625
	pricePerMillionReads  = 0.125
	pricePerGBIndexed     = 0.52
	pricePerGBSearched    = 0.002
)

const (
	oneMiB   = 1 << 20
	putLimit = 25 * time.Second // the budget of a put
)

// apiRequest is a request to the API. name is its row in the table of docs/costs.md.
type apiRequest struct{ name, method, path, body string }

func pricedRequests() []apiRequest {
	long := prose(oneMiB, 1)
	changed := prose(2000, 2) + long[2000:]
	put := func(text string) string {
		body, _ := json.Marshal(map[string]string{"text": text, "title": "A title", "collection": "books"})
		return string(body)
	}
	return []apiRequest{
		{"put 2 KB", "PUT", "/documents/short", put(prose(2000, 3))},
		{"put 1 MiB", "PUT", "/documents/long", put(long)},
		{"put it again, unchanged", "PUT", "/documents/long", put(long)},
		{"put it again, the first 2 KB changed", "PUT", "/documents/long", put(changed)},
		{"retrieve, `top_k` 5", "POST", "/retrieve", `{"query":"does my plan cover glasses?","top_k":5}`},
		{"get a document", "GET", "/documents/long", ""},
		{"list 20 documents", "GET", "/documents?limit=20", ""},
		{"delete 1 MiB", "DELETE", "/documents/long", ""},
	}
}

// prose returns a text of n bytes. It depends on n and seed only.
func prose(n int, seed uint64) string {
	words := strings.Fields("the front desk opens at half past seven and covers glasses plans claims letters doctors parking " +
		"holidays invoices forms questions answers members families travel hospital dentist medicine")
	random := rand.New(rand.NewPCG(seed, seed))
	var b strings.Builder
	for i := 1; b.Len() < n; i++ {
		b.WriteString(words[random.IntN(len(words))])
		switch {
		case i%200 == 0:
			b.WriteString(".\n\n")
		case i%12 == 0:
			b.WriteString(". ")
		default:
			b.WriteByte(' ')
		}
	}
	return b.String()[:n]
}

func send(t *testing.T, s *system.System, c apiRequest) (status int, answer []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), c.method, s.URL+c.path, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// TestCost measures what each request costs at DynamoDB, and compares that with the
// table in docs/costs.md. Concurrent attempts may cost more.
func TestCost(t *testing.T) {
	var m dynamo.Meter
	s := systemtest.Start(t, system.Options{Root: systemtest.Build(t), WrapDynamoDB: m.Wrap})
	defer http.DefaultClient.CloseIdleConnections()
	var table bytes.Buffer
	table.WriteString("| request | calls | write units | read units | KB indexed | KB searched | $ a thousand |\n" +
		"|---|---|---|---|---|---|---|\n")
	written := costsInDocs(t)
	for _, c := range pricedRequests() {
		status, answer := send(t, s, c)
		if status >= 300 {
			t.Fatalf("%s: got %d %s", c.name, status, answer)
		}
		u := m.Take()
		price := u.Writes/1e6*pricePerMillionWrites +
			u.Reads/1e6*pricePerMillionReads +
			u.Indexed/1e9*pricePerGBIndexed +
			u.Searched/1e9*pricePerGBSearched
		row := []float64{float64(u.Calls), u.Writes, u.Reads, u.Indexed / 1000, u.Searched / 1000, price * 1000}
		fmt.Fprintf(&table, "| %s | %.0f | %.0f | %.1f | %.0f | %.0f | %.4f |\n",
			c.name, row[0], row[1], row[2], row[3], row[4], row[5])
		for i, got := range row {
			if want := written[c.name]; len(want) != len(row) || got < want[i]*0.97-0.5 || got > want[i]*1.5+0.5 {
				if !*updateCosts {
					t.Errorf("%s: got %v, and docs/costs.md says %v; "+
						"run go test ./local/system -run Cost -update-costs", c.name, row, want)
				}
				break
			}
		}
	}
	t.Logf("\n%s", &table)
	if *updateCosts {
		before, after := splitCosts(t)
		if err := os.WriteFile(costsFile, []byte(before+table.String()+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// The table is between these lines.
const (
	costsBegin = "<!-- measured -->\n"
	costsEnd   = "<!-- end -->"
)

func splitCosts(t *testing.T) (before, after string) {
	t.Helper()
	text, err := os.ReadFile(costsFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), costsBegin)
	_, after, ends := strings.Cut(rest, costsEnd)
	if !found || !ends {
		t.Fatalf("%s has no place for the table", costsFile)
	}
	return before + costsBegin, costsEnd + after
}

// costsInDocs returns the rows of the table in docs/costs.md by request.
func costsInDocs(t *testing.T) map[string][]float64 {
	t.Helper()
	before, after := splitCosts(t)
	text, err := os.ReadFile(costsFile)
	if err != nil {
		t.Fatal(err)
	}
	costs := map[string][]float64{}
	for line := range strings.Lines(strings.TrimSuffix(strings.TrimPrefix(string(text), before), after)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		var row []float64
		for _, cell := range cells[1:] {
			if n, err := strconv.ParseFloat(strings.TrimSpace(cell), 64); err == nil {
				row = append(row, n)
			}
		}
		costs[strings.TrimSpace(cells[0])] = row
	}
	return costs
}

// TestPutUnderLimits: under DynamoDB's limits of a partition, a put of 1 MiB takes less
// than its budget, both the first time and as a replacement.
func TestPutUnderLimits(t *testing.T) {
	var m dynamo.Meter
	limit := dynamo.MaxPartition.Limit()
	s := systemtest.Start(t, system.Options{
		Root:         systemtest.Build(t),
		WrapDynamoDB: func(db http.Handler) http.Handler { return m.Wrap(limit(db)) },
	})
	defer http.DefaultClient.CloseIdleConnections()
	for seed := range uint64(2) {
		body, _ := json.Marshal(map[string]string{"text": prose(oneMiB, seed)})
		begin := time.Now()
		status, answer := send(t, s, apiRequest{"put", "PUT", "/documents/long", string(body)})
		elapsed := time.Since(begin)
		u := m.Take()
		t.Logf("%d in %v, %+v: %.200s", status, elapsed, u, answer)
		if status != http.StatusOK || elapsed > putLimit {
			t.Errorf("got %d after %v, want 200 within %v: %s", status, elapsed, putLimit, answer)
		}
		if u.Throttled == 0 {
			t.Error("nothing was throttled: the limit was not met")
		}
	}
}
