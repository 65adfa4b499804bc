package operation_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(serveVariable) != "" {
		serve()
		return
	}
	goleak.VerifyTestMain(m)
}
