package lambda

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
)

// localAccount is the AWS account in ARNs. The local gateway gives unsigned requests the same one.
const localAccount = "000000000000"

func (f Function) arn(region string) string {
	return "arn:aws:lambda:" + region + ":" + localAccount + ":function:" + f.Name
}

// reservedVariables lists the variables that Lambda does not let a function configure (Lambda developer guide,
// "Defined runtime environment variables").
var reservedVariables = []string{
	"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV",
	"AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
	"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
	"AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
	"AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
}

func checkEnv(env map[string]string) error {
	var mistakes []error
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if slices.Contains(reservedVariables, name) {
			mistakes = append(mistakes, fmt.Errorf("env sets %s, which Lambda reserves: remove it", name))
		}
	}
	return errors.Join(mistakes...)
}

// variables returns the whole environment of a process, as name=value, sorted: what Lambda sets, then what the
// function configures. This process's own variables are not in it. AWS_EXECUTION_ENV is missing because Lambda does not
// define it for provided runtimes. _X_AMZN_TRACE_ID is missing because a runtime sets it at each invocation.
func (f Function) variables(o Options, runtimeAPI, logStream string) []string {
	set := map[string]string{
		"AWS_LAMBDA_RUNTIME_API":          runtimeAPI,
		"AWS_LAMBDA_FUNCTION_NAME":        f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     version,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(f.MemoryMB),
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/" + f.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME":      logStream,
		"AWS_LAMBDA_LOG_FORMAT":           "Text",
		"AWS_REGION":                      o.Region,
		"AWS_DEFAULT_REGION":              o.Region,
		"AWS_ACCESS_KEY_ID":               "local",
		"AWS_SECRET_ACCESS_KEY":           "local",
		"AWS_SESSION_TOKEN":               "local",
		"AWS_XRAY_CONTEXT_MISSING":        "LOG_ERROR",
		"_HANDLER":                        "bootstrap",
		"LAMBDA_TASK_ROOT":                filepath.Dir(f.Binary),
		"LAMBDA_RUNTIME_DIR":              "/var/runtime",
		"TZ":                              ":UTC",
		"PATH":                            "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
		"LANG":                            "en_US.UTF-8",
	}
	if f.PerProcess > 1 {
		set["AWS_LAMBDA_MAX_CONCURRENCY"] = strconv.Itoa(f.PerProcess)
	}
	if f.JSONLogs {
		set["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
		set["AWS_LAMBDA_LOG_LEVEL"] = "INFO" // Lambda's default application log level with LogFormat JSON
	}
	if host, port, err := net.SplitHostPort(o.XRayDaemon); err == nil {
		set["AWS_XRAY_DAEMON_ADDRESS"] = o.XRayDaemon
		set["_AWS_XRAY_DAEMON_ADDRESS"] = host
		set["_AWS_XRAY_DAEMON_PORT"] = port
	}
	maps.Copy(set, f.Env)
	list := make([]string, 0, len(set))
	for name, value := range set {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}
