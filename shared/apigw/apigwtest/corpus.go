package apigwtest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

// eventTypes are the types of events in aws-lambda-go. A test compares them with the
// package's source.
var eventTypes = []any{
	events.ALBTargetGroupRequest{},
	events.APIGatewayCustomAuthorizerRequest{},
	events.APIGatewayCustomAuthorizerRequestTypeRequest{},
	events.APIGatewayProxyRequest{},
	events.APIGatewayV2CustomAuthorizerV1Request{},
	events.APIGatewayV2CustomAuthorizerV2Request{},
	events.APIGatewayV2HTTPRequest{},
	events.APIGatewayWebsocketProxyRequest{},
	events.ActiveMQEvent{},
	events.AppSyncLambdaAuthorizerRequest{},
	events.AutoScalingEvent{},
	events.ChimeBotEvent{},
	events.ClientVPNConnectionHandlerRequest{},
	events.CloudWatchEvent{},
	events.CloudwatchLogsEvent{},
	events.CodeBuildEvent{},
	events.CodeCommitEvent{},
	events.CodeDeployEvent{},
	events.CodePipelineCloudWatchEvent{},
	events.CodePipelineJobEvent{},
	events.CognitoEvent{},
	events.CognitoEventUserPoolsCreateAuthChallenge{},
	events.CognitoEventUserPoolsCustomMessage{},
	events.CognitoEventUserPoolsDefineAuthChallenge{},
	events.CognitoEventUserPoolsInboundFederation{},
	events.CognitoEventUserPoolsMigrateUser{},
	events.CognitoEventUserPoolsPostAuthentication{},
	events.CognitoEventUserPoolsPostConfirmation{},
	events.CognitoEventUserPoolsPreAuthentication{},
	events.CognitoEventUserPoolsPreSignup{},
	events.CognitoEventUserPoolsPreTokenGen{},
	events.CognitoEventUserPoolsPreTokenGenV2_0{},
	//lint:ignore SA1019 deprecated, but Lambda still sends it
	events.CognitoEventUserPoolsPreTokenGenV2{},
	events.CognitoEventUserPoolsVerifyAuthChallenge{},
	events.ConfigEvent{},
	events.ConnectEvent{},
	events.DynamoDBEvent{},
	events.DynamoDBTimeWindowEvent{},
	events.ECRImageActionEvent{},
	events.ECRScanEvent{},
	events.ECSContainerInstanceEvent{},
	events.IoTButtonEvent{},
	events.IoTCoreCustomAuthorizerRequest{},
	events.IoTCustomAuthorizerRequest{},
	events.IoTOneClickEvent{},
	events.IoTPreProvisionHookRequest{},
	events.KafkaEvent{},
	events.KinesisAnalyticsOutputDeliveryEvent{},
	events.KinesisEvent{},
	events.KinesisFirehoseEvent{},
	events.KinesisTimeWindowEvent{},
	events.LambdaFunctionURLRequest{},
	events.LexEvent{},
	events.RabbitMQEvent{},
	events.S3BatchJobEvent{},
	events.S3BatchJobEventV2{},
	events.S3Event{},
	events.S3ObjectLambdaEvent{},
	events.S3TestEvent{},
	events.SNSEvent{},
	events.SQSEvent{},
	events.SecretsManagerSecretRotationEvent{},
	events.SimpleEmailEvent{},
}

// eventsFolder is the folder of aws-lambda-go's package events.
func eventsFolder(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/aws/aws-lambda-go/events").Output()
	if err != nil {
		t.Fatalf("where is aws-lambda-go? %v", err)
	}
	return strings.TrimSpace(string(out))
}

// corpus has events of every kind: the empty event of each type in the library, and the
// recorded events of the library's own tests.
func corpus(t testing.TB) []any {
	t.Helper()
	var all []any
	add := func(name string, raw []byte) {
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, v)
	}
	for _, e := range eventTypes {
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatalf("%T: %v", e, err)
		}
		add("", raw)
	}
	files, err := filepath.Glob(filepath.Join(eventsFolder(t), "testdata", "*.json"))
	if err != nil || len(files) < 90 {
		t.Fatalf("found %d recorded events, error %v", len(files), err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if json.Valid(raw) { // one is not
			add(file, raw)
		}
	}
	return all
}
