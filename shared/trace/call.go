package trace

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"ragtime/shared/evidence"
)

// call is what X-Ray shows of an attempt. A call to AWS bears the service's name,
// any other its host's; so each remote service is a node of X-Ray's map.
type call struct {
	name       string
	namespace  string // "aws", "remote", or empty while there is no request
	method     string
	url        string
	status     int // 0 without a response
	bytes      int
	operation  string // AWS only, as the three after it
	region     string
	table      string
	requestID  string // the remote service's; X-Ray has a place for AWS's only, others are metadata
	number     int    // of the attempt
	connection string
	address    string
	lost       evidence.Loss
}

// services are AWS's services by the prefix of X-Amz-Target, named as X-Ray's map
// shows them.
var services = map[string]string{
	"DynamoDB_20120810": "DynamoDB",
	"secretsmanager":    "SecretsManager",
}

func (v *spanBuilder) newCall(a *evidence.AttemptView) *call {
	x := &a.Exchange
	c := &call{
		name:       "attempt",
		number:     a.Number,
		connection: a.Connection,
		lost:       a.Lost,
		address:    truncate(x.Address, maxValue),
		requestID:  truncate(x.RequestID, maxValue),
	}
	if x.URL == "" {
		return c
	}
	c.method = truncate(x.Method, maxValue)
	c.url = truncate(x.URL, maxURL)
	c.status = x.Status
	c.bytes = int(x.Bytes)
	target, operation, _ := strings.Cut(x.Target, ".")
	service, ok := services[target]
	if !ok {
		c.name = host(x.URL)
		c.namespace = "remote"
		return c
	}
	c.name, c.namespace = service, "aws"
	c.operation = truncate(operation, maxValue)
	c.region = v.tracer.aws.Region
	if service == "DynamoDB" {
		c.table = v.tracer.aws.Table
	}
	return c
}

// host is a URL's host without its port.
func host(s string) string {
	if u, err := url.Parse(s); err == nil {
		return cleanName(u.Hostname())
	}
	return cleanName("")
}

func appendCall(b []byte, c *call) []byte {
	if c.namespace != "" {
		b = append(append(append(b, `,"namespace":"`...), c.namespace...), '"')
		b = appendString(append(b, `,"http":{"request":{"method":`...), c.method)
		b = append(appendString(append(b, `,"url":`...), c.url), '}')
		if c.status != 0 {
			b = strconv.AppendInt(append(b, `,"response":{"status":`...), int64(c.status), 10)
			if c.bytes != 0 {
				b = strconv.AppendInt(append(b, `,"content_length":`...), int64(c.bytes), 10)
			}
			b = append(b, '}')
		}
		b = append(b, '}')
	}
	if c.namespace == "aws" {
		b = appendString(append(b, `,"aws":{"operation":`...), c.operation)
		b = strconv.AppendInt(append(b, `,"retries":`...), int64(c.number-1), 10)
		b = appendMember(b, `,"region":`, c.region)
		b = appendMember(b, `,"table_name":`, c.table)
		b = append(appendMember(b, `,"request_id":`, c.requestID), '}')
	}
	b = strconv.AppendInt(append(b, `,"metadata":{"ragtime":{"attempt":`...), int64(c.number), 10)
	b = appendMember(b, `,"connection":`, c.connection)
	b = appendMember(b, `,"address":`, c.address)
	b = appendMember(b, `,"lost":`, string(c.lost))
	if c.namespace != "aws" {
		b = appendMember(b, `,"request_id":`, c.requestID)
	}
	return append(b, `}}`...)
}

// The most that a document has of what it did not choose itself. X-Ray takes
// names of 200 and URLs of 250 characters, and annotations of 1,000.
const (
	maxName    = 200
	maxURL     = 250
	maxMessage = 500
	maxValue   = 100 // of request ids and the like
)

// truncate shortens s to n bytes, between characters.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// cleanName makes a name that X-Ray takes: letters, numbers, blanks and _.:/%&#=+\-@.
func cleanName(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsNumber(r) || r == ' ' || strings.ContainsRune(`_.:/%&#=+\-@`, r) {
			return r
		}
		return -1
	}, s)
	if s == "" {
		return "unnamed"
	}
	return truncate(s, maxName)
}
