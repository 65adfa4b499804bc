package gateway

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// meta is what the gateway assigns to a request.
type meta struct {
	requestID  string // a UUID
	extendedID string // the x-amz-apigw-id header
	traceID    string // the X-Amzn-Trace-Id header, as [traceHeader] gives it
	at         time.Time
}

func newMeta(now time.Time, clientTrace string) meta {
	var id [16]byte
	rand.Read(id[:]) // never fails
	return metaFrom(id, now, clientTrace)
}

// metaFrom derives all ids from 16 bytes, so that samples can choose them.
func metaFrom(id [16]byte, now time.Time, clientTrace string) meta {
	uuid := id
	uuid[6], uuid[8] = uuid[6]&0x0f|0x40, uuid[8]&0x3f|0x80 // version 4, variant 10
	return meta{
		requestID:  fmt.Sprintf("%x-%x-%x-%x-%x", uuid[:4], uuid[4:6], uuid[6:8], uuid[8:10], uuid[10:]),
		extendedID: base64.URLEncoding.EncodeToString(id[:11]),
		traceID:    traceHeader(clientTrace, fmt.Sprintf("1-%08x-%s", uint32(now.Unix()), hex.EncodeToString(id[4:]))),
		at:         now,
	}
}

var (
	traceRoot   = regexp.MustCompile(`^1-[0-9a-f]{8}-[0-9a-f]{24}$`)
	traceParent = regexp.MustCompile(`^[0-9a-f]{16}$`)
)

// traceHeader returns the trace header for the function and for the response. It
// takes root, parent and sampling decision from the client's header if the root is
// valid; else fresh is the root. Without a decision the request is sampled, since
// one person's requests are few, and an unsampled one leaves no trace.
func traceHeader(client, fresh string) string {
	fields := map[string]string{}
	for field := range strings.SplitSeq(client, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		fields[name] = value
	}
	root := fields["Root"]
	if !traceRoot.MatchString(root) {
		return "Root=" + fresh + ";Sampled=1"
	}
	header := "Root=" + root
	if parent := fields["Parent"]; traceParent.MatchString(parent) {
		header += ";Parent=" + parent
	}
	if fields["Sampled"] == "0" {
		return header + ";Sampled=0"
	}
	return header + ";Sampled=1"
}
