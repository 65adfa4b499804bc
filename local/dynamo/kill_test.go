package dynamo

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// serveDirVariable makes this test program a server over that folder.
const serveDirVariable = "DYNAMO_TEST_SERVE"

func serveUntilKilled(dir string) {
	db, err := Open(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("http://" + l.Addr().String())
	http.Serve(l, db)
}

// TestKill kills a server process, as kill -9 does, while clients write: every
// write that it acknowledged is there afterwards, in the table and in the index.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	server := exec.Command(os.Args[0])
	server.Env = append(os.Environ(), serveDirVariable+"="+dir)
	server.Stderr = os.Stderr
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer server.Wait()
	defer server.Process.Kill()
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() {
		t.Fatal("the server did not say its address")
	}
	c := clientOf(lines.Text())
	create(t, c, vectorTable("kill", 4, allProjected))

	const writers, before = 4, 100
	var acknowledged [writers][]string
	enough := make(chan struct{}, writers*before)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := 0; ; i++ {
				sk := strconv.Itoa(w) + "-" + strconv.Itoa(i)
				_, err := c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: ptr("kill"), Item: attrs{
					"pk": str("a"), "sk": str(sk), "embedding": vec(float32(w), float32(i), 1, 0.1),
				}})
				if err != nil {
					return
				}
				acknowledged[w] = append(acknowledged[w], sk)
				if i < before {
					enough <- struct{}{}
				}
			}
		})
	}
	for range writers * before {
		<-enough
	}
	if err := server.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	group.Wait()
	server.Wait()
	http.DefaultClient.CloseIdleConnections()

	db := open(t, dir)
	c = serve(t, db)
	total := 0
	for _, keys := range acknowledged {
		for _, sk := range keys {
			if get(t, c, "kill", "a", sk)["embedding"] == nil {
				t.Errorf("the acknowledged item %s is lost", sk)
			}
			total++
		}
	}
	if got, _ := db.tables["kill"].index.count(); got < total || got > total+writers {
		t.Errorf("got %d items in the index, want the %d acknowledged and at most %d more", got, total, writers)
	}
}

func ptr[T any](v T) *T { return &v }
