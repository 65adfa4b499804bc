package trace

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"ragtime/shared/evidence"
)

// call is what X-Ray shows of an attempt. A call to AWS is named for the service, any other
// for its host, so that each remote service is a node on X-Ray's map.
type call struct {
	name       string
	namespace  string // "aws", "remote", or empty while there is no request
	method     string
	url        string
	status     int // 0 without a response
	bytes      int
	operation  string // of AWS only
	region     string // of AWS only
	table      string // of DynamoDB only
	requestID  string // the remote service's; metadata, except for AWS's
	number     int    // of the attempt
	connection string
	address    string
	lost       evidence.Loss
}

// services are the names of AWS's services on X-Ray's map, by the first part of
// X-Amz-Target.
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

// The longest strings in a document, in bytes. X-Ray takes names of 200, URLs of 250 and
// annotations of 1,000 characters.
const (
	maxName    = 200
	maxURL     = 250
	maxMessage = 500
	maxValue   = 100 // of request ids and the like
)

// truncate cuts s to at most n bytes, between two characters.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// cleanName removes what X-Ray does not take in a name: all but letters, numbers, blanks and
// _.:/%&#=+\-@.
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
