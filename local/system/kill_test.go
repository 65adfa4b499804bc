package system_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"ragtime/local/lambda"
	"ragtime/local/system"
	"ragtime/local/system/systemtest"
	"ragtime/shared/chunk"
)

var (
	killDocuments = flag.Int("kill-documents", 200, "how many documents TestPutsUnderKills puts")
	killEvery     = flag.Duration("kill-every", 100*time.Millisecond, "how often it kills a process")
	killSeed      = flag.Uint64("kill-seed", 0, "the seed of its documents and kills; 0 is one of the clock's")
)

// TestPutsUnderKills: 8 clients put documents and repeat each put until its answer is
// 200, while the test kills the processes that serve them. In the end every document is
// there, once and whole. A search in each document removes what does not belong to it.
func TestPutsUnderKills(t *testing.T) {
	seed := *killSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("again with: go test ./local/system -run TestPutsUnderKills -kill-documents %d -kill-every %v -kill-seed %d",
		*killDocuments, *killEvery, seed)
	s := systemtest.Start(t, system.Options{Root: systemtest.Build(t)})
	defer http.DefaultClient.CloseIdleConnections()

	stop := make(chan struct{})
	var killer sync.WaitGroup
	kills := 0
	killer.Go(func() {
		random := rand.New(rand.NewPCG(seed, 0))
		for {
			select {
			case <-stop:
				return
			case <-time.After(*killEvery):
			}
			busy := slices.DeleteFunc(s.Lambda.Environments("embed"), func(e lambda.Environment) bool {
				return e.State != "busy"
			})
			if len(busy) > 0 {
				busy[random.IntN(len(busy))].Kill()
				kills++
			}
		}
	})
	var next, failed atomic.Int64
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				if n >= *killDocuments {
					return
				}
				for attempts := 1; ; attempts++ {
					status, answer := send(t, s, putRequest(n, seed))
					if status == http.StatusOK {
						break
					}
					failed.Add(1)
					if status == http.StatusConflict || attempts == 100 {
						t.Errorf("document %d: attempt %d is answered %d %s", n, attempts, status, answer)
						return
					}
				}
			}
		})
	}
	clients.Wait()
	close(stop)
	killer.Wait()
	interrupted := failed.Load()
	if interrupted == 0 {
		t.Error("no put was killed; the test tests nothing")
	}
	for n := range *killDocuments {
		body := fmt.Sprintf(`{"query":"doors","top_k":1,"filter":{"document_id":%q}}`, documentID(n))
		if status, answer := send(t, s, apiRequest{"", "POST", "/retrieve", body}); status != http.StatusOK {
			t.Fatalf("search in document %d: %d %s", n, status, answer)
		}
	}
	// A put that is killed in its own sweep has made its version current, so its
	// client's next put writes nothing. What it left stays until a put that writes, whose
	// sweep has a second: a busy machine may miss that.
	again := 0
	for round := range 5 {
		for _, id := range scanTable(t, s).unswept() {
			again++
			n, _ := strconv.Atoi(strings.TrimPrefix(id, "doc-"))
			body, _ := json.Marshal(map[string]string{"text": documentText(n, seed), "title": fmt.Sprint("again ", round)})
			if status, answer := send(t, s, apiRequest{"", "PUT", "/documents/" + id, string(body)}); status != http.StatusOK {
				t.Fatalf("put of %s again: %d %s", id, status, answer)
			}
		}
	}
	items := scanTable(t, s)
	t.Logf("%d documents, %d processes killed, %d puts interrupted, %d chunks", *killDocuments, kills, interrupted, len(items.chunks))
	for n := range *killDocuments {
		items.takeDocument(t, documentID(n), documentText(n, seed))
	}
	checkList(t, s, *killDocuments)
	for key := range items.chunks {
		t.Errorf("chunk %s is left over", key)
	}
	// A put that was killed leaves its entry, because of which somebody looks again
	// later. So does the put after it.
	if most := 2*int(interrupted) + again; items.entries > most {
		t.Errorf("%d entries of what is due are left of %d puts that were interrupted, want %d at the most",
			items.entries, interrupted, most)
	}
	for id := range items.documents {
		t.Errorf("document item %s is left over", id)
	}
}

func documentID(n int) string { return fmt.Sprintf("doc-%04d", n) }

// documentText returns a text of up to about ten chunks.
func documentText(n int, seed uint64) string {
	return prose(500+rand.New(rand.NewPCG(seed, uint64(n))).IntN(12_000), seed+uint64(n))
}

func putRequest(n int, seed uint64) apiRequest {
	body, _ := json.Marshal(map[string]string{"text": documentText(n, seed)})
	return apiRequest{"", "PUT", "/documents/" + documentID(n), string(body)}
}

// tableItems are the items of the table that no check has accounted for yet.
type tableItems struct {
	documents map[string]map[string]types.AttributeValue
	chunks    map[string]string // text by "<document_id> <version>#<n>"
	entries   int               // of what is due for a sweep later
}

func scanTable(t *testing.T, s *system.System) tableItems {
	t.Helper()
	url := s.URL + system.ServicesPath + "dynamodb"
	db := dynamodb.New(dynamodb.Options{
		Region:       "local",
		BaseEndpoint: &url,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		}),
	})
	out := tableItems{
		documents: map[string]map[string]types.AttributeValue{},
		chunks:    map[string]string{},
	}
	pages := dynamodb.NewScanPaginator(db, &dynamodb.ScanInput{TableName: &s.Template.Table.Name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range page.Items {
			pk, sk := stringValue(i["pk"]), stringValue(i["sk"])
			switch kind, _, _ := strings.Cut(pk, "#"); kind {
			case "doc":
				out.documents[sk] = i
			case "chunk":
				out.chunks[stringValue(i["document_id"])+" "+sk] = stringValue(i["text"])
			case "sweep":
				out.entries++
			case "": // the item of the embedding space
			default:
				t.Errorf("item %s %s is left over", pk, sk)
			}
		}
	}
	return out
}

func stringValue(v types.AttributeValue) string {
	s, _ := v.(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}

// takeDocument checks a document's item and its chunks, and removes them from i.
func (i tableItems) takeDocument(t *testing.T, id, text string) {
	t.Helper()
	d := i.documents[id]
	delete(i.documents, id)
	version := stringValue(d["version"])
	if stringValue(d["status"]) != "ready" {
		t.Errorf("document %s is %q, want ready", id, stringValue(d["status"]))
		return
	}
	want := chunk.Split(text, chunk.Options{})
	if n, _ := d["chunks"].(*types.AttributeValueMemberN); n == nil || n.Value != strconv.Itoa(len(want)) {
		t.Errorf("document %s says that it has %v chunks, want %d", id, d["chunks"], len(want))
	}
	for n, c := range want {
		key := fmt.Sprintf("%s %s#%06d", id, version, n)
		if i.chunks[key] != c.Text {
			t.Errorf("chunk %s is %q, want %q", key, i.chunks[key], c.Text)
		}
		delete(i.chunks, key)
	}
	for _, name := range putMarks(d) {
		t.Errorf("document %s has the mark %s", id, name)
	}
}

// unswept are the documents of which something is left over.
func (i tableItems) unswept() []string {
	ids := map[string]bool{}
	for id, d := range i.documents {
		if len(putMarks(d)) > 0 {
			ids[id] = true
		}
	}
	for key := range i.chunks {
		id, sk, _ := strings.Cut(key, " ")
		if version, _, _ := strings.Cut(sk, "#"); version != stringValue(i.documents[id]["version"]) {
			ids[id] = true
		}
	}
	return slices.Sorted(maps.Keys(ids))
}

// putMarks returns the names of a document item's marks.
func putMarks(d map[string]types.AttributeValue) (marks []string) {
	for name := range d {
		if strings.HasPrefix(name, "put#") || strings.HasPrefix(name, "out#") {
			marks = append(marks, name)
		}
	}
	return marks
}

// checkList checks that GET /documents lists each of the documents once.
func checkList(t *testing.T, s *system.System, documents int) {
	t.Helper()
	n, cursor := 0, ""
	for {
		status, answer := send(t, s, apiRequest{"", "GET", "/documents?limit=100&cursor=" + cursor, ""})
		var page struct {
			Documents []struct {
				ID string `json:"document_id"`
			}
			Cursor string `json:"cursor"`
		}
		if err := json.Unmarshal(answer, &page); err != nil || status != http.StatusOK {
			t.Fatalf("list: %d %v %s", status, err, answer)
		}
		for _, d := range page.Documents {
			if d.ID != documentID(n) {
				t.Fatalf("entry %d of the list is %s", n, d.ID)
			}
			n++
		}
		if cursor = page.Cursor; cursor == "" {
			break
		}
	}
	if n != documents {
		t.Errorf("%d documents are listed, want %d", n, documents)
	}
}
