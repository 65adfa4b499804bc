package lambda

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// traceHeader completes an X-Amzn-Trace-Id header to what Lambda hands to a function: a Root, a Parent for
// the function's subsegments, and the sampling decision, here always to sample unless given says otherwise.
func traceHeader(given string) string {
	var parts []string
	has := make(map[string]bool) // the keys of parts
	for part := range strings.SplitSeq(given, ";") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok || value == "" || value == "?" { // Sampled=? asks whoever comes next to decide
			continue
		}
		parts = append(parts, key+"="+value)
		has[key] = true
	}
	if !has["Root"] {
		root := fmt.Sprintf("Root=1-%08x-%s", time.Now().Unix(), randomHex(12))
		parts = append([]string{root}, parts...)
	}
	if !has["Parent"] {
		parts = append(parts, "Parent="+randomHex(8))
	}
	if !has["Sampled"] {
		parts = append(parts, "Sampled=1")
	}
	return strings.Join(parts, ";")
}

// randomHex returns n random bytes in hexadecimal.
func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}
