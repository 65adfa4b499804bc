package config_test

import (
	"strings"
	"testing"

	"ragtime/shared/config"
)

func TestRead(t *testing.T) {
	env := map[string]string{
		"AWS_REGION":              "eu-west-1",
		"RAGTIME_TABLE":           "t",
		"OPENAI_API_KEY":          "k",
		"AWS_ACCESS_KEY_ID":       "a",
		"AWS_SECRET_ACCESS_KEY":   "s",
		"OPENAI_BASE_URL":         "http://localhost:1/v1/",
		"AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129:2000",
	}
	c, err := config.Read(func(n string) string { return env[n] })
	if err != nil {
		t.Fatal(err)
	}
	if c.Dimensions != 1536 ||
		c.EmbeddingModel != "text-embedding-3-small" ||
		c.Provider.BaseURL != "http://localhost:1/v1" {
		t.Errorf("Read = %+v, want the defaults and the URL without its last slash", c)
	}
	if got := c.XRayDaemon.String(); got != "169.254.79.129:2000" {
		t.Errorf("X-Ray daemon at %s, want 169.254.79.129:2000", got)
	}
}

func TestReadReportsEveryMistakeAtOnce(t *testing.T) {
	env := map[string]string{"RAGTIME_EMBEDDING_DIMENSIONS": "5000", "OPENAI_BASE_URL": "localhost", "AWS_XRAY_DAEMON_ADDRESS": "localhost:2000"}
	_, err := config.Read(func(n string) string { return env[n] })
	for _, want := range []string{"AWS_REGION", "RAGTIME_TABLE", "OPENAI_API_KEY", "RAGTIME_EMBEDDING_DIMENSIONS", "OPENAI_BASE_URL", "AWS_XRAY_DAEMON_ADDRESS"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}
