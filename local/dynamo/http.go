package dynamo

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// maxBody is DynamoDB's limit to a request in bytes.
const maxBody = 16 << 20

const targetPrefix = "DynamoDB_20120810."

// operations are what the endpoint can do. Each takes the request's body and
// gives the answer's.
var operations = map[string]func(*DB, context.Context, string) ([]byte, error){
	"BatchGetItem":   (*DB).batchGetItem,
	"BatchWriteItem": (*DB).batchWriteItem,
	"CreateTable":    (*DB).createTable,
	"DescribeTable":  (*DB).describeTable,
	"GetItem":        onItems((*DB).getItem),
	"ListTables":     (*DB).listTables,
	"PutItem":        onItems((*DB).putItem),
	"Query":          onItems((*DB).query),
	"Scan":           onItems((*DB).scan),
	"SearchVectors":  onItems((*DB).searchVectors),
	"UpdateItem":     onItems((*DB).updateItem),
}

// onItems makes an operation of a function on the items of one table.
func onItems(f func(*DB, context.Context, *table, *request) ([]byte, error)) func(*DB, context.Context, string) ([]byte, error) {
	return func(db *DB, ctx context.Context, body string) ([]byte, error) {
		q, err := parseRequest(body)
		if err != nil {
			return nil, err
		}
		t, err := db.table(q.table)
		if err != nil {
			return nil, err
		}
		return f(db, ctx, t, q)
	}
}

// ServeHTTP serves DynamoDB's JSON protocol at every path.
func (db *DB) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := db.serve(w, r)
	status := http.StatusOK
	if err != nil {
		status, body = errorBody(err)
	}
	reply(w, status, body)
}

// reply answers as DynamoDB does, with the checksum that its SDKs look for.
func reply(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/x-amz-json-1.0")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Amzn-RequestId", rand.Text()+rand.Text())
	h.Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10))
	w.WriteHeader(status)
	w.Write(body)
}

func (db *DB) serve(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	name := r.Header.Get("X-Amz-Target")
	operation := operations[strings.TrimPrefix(name, targetPrefix)]
	if r.Method != http.MethodPost || !strings.HasPrefix(name, targetPrefix) || operation == nil {
		return nil, badRequest("UnknownOperationException", "this endpoint does not know %s %q in X-Amz-Target", r.Method, name)
	}
	body := new(strings.Builder)
	body.Grow(int(min(max(0, r.ContentLength), maxBody)))
	if _, err := io.Copy(body, http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			e := badRequest("RequestEntityTooLargeException", "a request can have at most %d bytes", maxBody)
			e.status = http.StatusRequestEntityTooLarge
			return nil, e
		}
		return nil, malformed("the request's body ended early: %v", err)
	}
	return operation(db, r.Context(), body.String())
}

// errorBody is the answer for an error. One that is not DynamoDB's shows its
// cause: on this machine, client and operator are one person.
func errorBody(err error) (status int, body []byte) {
	e, ok := errors.AsType[*apiError](err)
	if !ok {
		e = &apiError{status: http.StatusInternalServerError, kind: "InternalServerError", message: err.Error()}
	}
	answer := struct {
		Type    string             `json:"__type"`
		Message string             `json:"message"`
		Item    json.RawMessage    `json:",omitempty"`
		Reasons []throttlingReason `json:"ThrottlingReasons,omitempty"`
		Others  []throttlingReason `json:"throttlingReasons,omitempty"` // as ThrottlingException spells it
	}{Type: "com.amazonaws.dynamodb.v20120810#" + e.kind, Message: e.message}
	if e.old != nil {
		answer.Item = appendItem(nil, e.old)
	}
	if e.kind == "ThrottlingException" {
		answer.Others = e.throttled
	} else {
		answer.Reasons = e.throttled
	}
	if body, err = json.Marshal(answer); err != nil {
		return http.StatusInternalServerError, []byte("{}")
	}
	return e.status, body
}
