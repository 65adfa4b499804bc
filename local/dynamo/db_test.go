package dynamo

import (
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	want := []string{"30 0", "35 0.0513", "40 0.293", "50 1"}
	func() {
		db, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(db)
		defer func() {
			server.Close()
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}()
		c := clientOf(server.URL)
		create(t, c, vectorTable("items", 2, allProjected))
		put(t, c, "items", attrs{"pk": str("a"), "sk": str("35"), "embedding": vec(3, 1), "doc": str("d")})
		for sk, v := range map[string][]float32{"30": {3, 0}, "40": {1, 1}, "50": {0, 2}} {
			put(t, c, "items", attrs{"pk": str("a"), "sk": str(sk), "embedding": vec(v...), "doc": str("d")})
		}
		put(t, c, "items", attrs{"pk": str("b"), "sk": str("1"), "embedding": vec(3, 0)})
		if diff := cmp.Diff(want, found(search(t, c, searchFor("items", 10, 3, 0)))); diff != "" {
			t.Errorf("found before (-want +got):\n%s", diff)
		}
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "another process has this folder open") {
			t.Errorf("got %v from a second Open, want a refusal", err)
		}
	}()
	c := serve(t, open(t, dir))
	in := searchFor("items", 10, 3, 0)
	*in.SearchConditionExpression += " AND doc = :d"
	in.ExpressionAttributeValues[":d"] = str("d")
	if diff := cmp.Diff(want, found(search(t, c, in))); diff != "" {
		t.Errorf("found after (-want +got):\n%s", diff)
	}
	wantItem := attrs{"pk": str("a"), "sk": str("40"), "embedding": vec(1, 1), "doc": str("d")}
	if diff := cmp.Diff(wantItem, get(t, c, "items", "a", "40"), sameAttrs); diff != "" {
		t.Errorf("item (-want +got):\n%s", diff)
	}
}

// post sends a request as it is, and gives the answer.
func post(t *testing.T, db http.Handler, target, body string) *http.Response {
	t.Helper()
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", target)
	w := httptest.NewRecorder()
	db.ServeHTTP(w, r)
	return w.Result()
}

func TestHTTP(t *testing.T) {
	db := open(t, "")
	tests := []struct {
		name, target, body string
		status             int
		want               string
	}{
		{"success", "DynamoDB_20120810.ListTables", `{}`, 200, `{"TableNames":[]}`},
		{"operation", "DynamoDB_20120810.ExportTableToPointInTime", `{}`, 400,
			`{"__type":"com.amazonaws.dynamodb.v20120810#UnknownOperationException","message":"this endpoint does not know POST \"DynamoDB_20120810.ExportTableToPointInTime\" in X-Amz-Target"}`},
		{"no target", "", `{}`, 400,
			`{"__type":"com.amazonaws.dynamodb.v20120810#UnknownOperationException","message":"this endpoint does not know POST \"\" in X-Amz-Target"}`},
		{"validation", "DynamoDB_20120810.GetItem", `{"TableName":"ab"}`, 400,
			`{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found: Table: ab not found"}`},
		{"not JSON", "DynamoDB_20120810.GetItem", `{"TableName"`, 400,
			`{"__type":"com.amazonaws.dynamodb.v20120810#SerializationException","message":"the request is not the expected JSON: want : at byte 12"}`},
		{"wrong type", "DynamoDB_20120810.GetItem", `{"TableName":7}`, 400,
			`{"__type":"com.amazonaws.dynamodb.v20120810#SerializationException","message":"the request is not the expected JSON: want a string at byte 13"}`},
		{"nesting", "DynamoDB_20120810.GetItem", `{"Item":{"x":` + strings.Repeat(`{"M":{"x":`, 1000) + `}`, 400,
			`{"__type":"com.amazonaws.dynamodb.v20120810#ValidationException","message":"Nesting Levels have exceeded supported limits"}`},
		{"wrong type of a table's", "DynamoDB_20120810.DescribeTable", `{"TableName":7}`, 400,
			`{"__type":"com.amazonaws.dynamodb.v20120810#SerializationException","message":"this endpoint cannot read the request: json: cannot unmarshal number into Go struct field .TableName of type string"}`},
		{"too large", "DynamoDB_20120810.PutItem", strings.Repeat(" ", 16<<20+1), 413,
			`{"__type":"com.amazonaws.dynamodb.v20120810#RequestEntityTooLargeException","message":"a request can have at most 16777216 bytes"}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			answer := post(t, db, test.target, test.body)
			body, err := io.ReadAll(answer.Body)
			if err != nil {
				t.Fatal(err)
			}
			if answer.StatusCode != test.status || string(body) != test.want {
				t.Errorf("got %d %s\nwant %d %s", answer.StatusCode, body, test.status, test.want)
			}
			if got, want := answer.Header.Get("X-Amz-Crc32"), strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10); got != want {
				t.Errorf("got checksum %s, want %s", got, want)
			}
			if got := answer.Header.Get("Content-Type"); got != "application/x-amz-json-1.0" {
				t.Errorf("got content type %s", got)
			}
			if id := answer.Header.Get("X-Amzn-RequestId"); len(id) != 52 {
				t.Errorf("got request id %q, want 52 characters", id)
			}
		})
	}
}

func TestNumbers(t *testing.T) {
	for in, want := range map[string]string{
		"0": "0", "-0": "0", "0.0": "0", "000": "0", "007": "7", "1.50": "1.5", "-0.5e1": "-5", "-1.25e-7": "-0.000000125", "1.5e30": "15" + strings.Repeat("0", 29),
		"1e3": "1000", "1E-3": "0.001", "-12.5e-1": "-1.25", "1e125": "1" + strings.Repeat("0", 125), "0e9": "0",
		"1e-130": "0." + strings.Repeat("0", 129) + "1", strings.Repeat("9", 38): strings.Repeat("9", 38),
	} {
		if got, err := canonicalNumber(in); got != want || err != nil {
			t.Errorf("canonicalNumber(%q): got %q, %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", "-", ".", "e", "1e", "1e1.5", "1.2.3", "0x1", "1 ", "NaN", "Infinity", "--1", "1e99999999999999999999", "1_0"} {
		if got, err := canonicalNumber(in); err == nil {
			t.Errorf("canonicalNumber(%q): got %q, want an error", in, got)
		}
	}
}

func TestItemSize(t *testing.T) {
	number := func(s string) value { return value{kind: kindN, text: s} }
	for want, v := range map[int]value{
		0: {kind: kindS}, 5: {kind: kindS, text: "漢ab"}, 1: {kind: kindBool}, 2: number("100"), 4: number("-1234"),
		3: {kind: kindL}, 7: {kind: kindM, attr: item{"a": {kind: kindBool}, "": {kind: kindS}}}, 6: {kind: kindL, list: []value{number("1")}},
	} {
		if got := v.size(); got != want {
			t.Errorf("size of %v: got %d, want %d", fmt.Sprint(v), got, want)
		}
	}
}
