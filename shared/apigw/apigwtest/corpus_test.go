package apigwtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// eventParts are types that are named like events, but are parts of one.
var eventParts = regexp.MustCompile(`^(S3ObjectLambdaUserRequest|IoTOneClickDeviceEvent|CloudwatchLogsLogEvent|CognitoEventUserPools\w+Request)$`)

func TestEveryEventTypeIsThere(t *testing.T) {
	have := map[string]bool{}
	for _, e := range eventTypes {
		have[reflect.TypeOf(e).Name()] = true
	}
	files, err := filepath.Glob(filepath.Join(eventsFolder(t), "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	event := regexp.MustCompile(`(Event|EventV\d|Request)$|^CognitoEventUserPools(Create|Custom|Define|Inbound|Migrate|Post|Pre|Verify)(Auth|Message|Federation|User|entication|Confirmation|Signup|Token|Challenge|Gen|V\d|_\d)*$`)
	found := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			s, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if _, isStruct := s.Type.(*ast.StructType); !isStruct ||
				!s.Name.IsExported() ||
				!event.MatchString(s.Name.Name) ||
				eventParts.MatchString(s.Name.Name) {
				return true
			}
			found++
			if !have[s.Name.Name] {
				t.Errorf("events.%s is not among the events at random", s.Name.Name)
			}
			return true
		})
	}
	if found < 55 {
		t.Errorf("found %d event types in the library", found)
	}
}
