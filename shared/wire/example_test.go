package wire_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
	"ragtime/shared/wire"
)

// The transport notes in the attempt of the request's context which phases the
// request went through.
func ExampleNew() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }))
	defer server.Close()
	transport := wire.New(wire.Options{})
	defer transport.CloseIdleConnections()

	ctx, record := evidence.With(context.Background())
	ctx, step := evidence.Enter(ctx, fault.StepEmbed)
	ctx, attempt := evidence.NewAttempt(ctx, 1)
	request, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	response, err := transport.RoundTrip(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	body, _ := io.ReadAll(response.Body)
	response.Body.Close()
	attempt.End(nil)
	step.End(nil)

	fmt.Println(string(body))
	for _, phase := range record.Snapshot().Steps[0].Attempts[0].Phases {
		fmt.Print(phase.Name, " ")
	}
	// Output:
	// hello
	// blocked connect send wait receive
}
