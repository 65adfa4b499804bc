package xraytest_test

import (
	"strings"
	"testing"

	"ragtime/local/xray/xraytest"
)

func TestValidate(t *testing.T) {
	const good = `{"type":"subsegment","trace_id":"1-5759e988-bd862e3fe1be46a994272793","parent_id":"53995c3f42cd8ad8","id":"0123456789abcdef",` +
		`"name":"api.openai.com","start_time":1.5,"end_time":2.5,"annotations":{"step":"embed"},` +
		`"cause":{"exceptions":[{"id":"0123456789abcdef","type":"timeout","message":"too slow"}]},"subsegments":[{"id":"0123456789abcdee","name":"wait","start_time":1.5}]}`
	if err := xraytest.Validate([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for old, bad := range map[string]string{
		`"api.openai.com"`:          `"[::1]"`,
		`"id":"0123456789abcdef",`:  `"id":"0",`,
		`"start_time":1.5,"end`:     `"start_time":"1.5","end`,
		`{"step":"embed"}`:          `{"a step":"embed"}`,
		`"name":"wait",`:            ``,
		`"1-5759e988-bd862e3fe1be4`: `"1-5759e988-bd862e3fe1`,
		`"type":"timeout"`:          `"type":1`,
		`"too slow"`:                `"` + strings.Repeat("x", 64<<10) + `"`,
	} {
		if err := xraytest.Validate([]byte(strings.Replace(good, old, bad, 1))); err == nil || !strings.Contains(good, old) {
			t.Errorf("with %.40s for %s it is taken", bad, old)
		}
	}
}
