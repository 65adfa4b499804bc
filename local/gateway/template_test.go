package gateway

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const projectTemplate = "../../template.yaml"

// projectParameters are the values without a default in the project's template.
var projectParameters = map[string]string{
	"OpenAIKeySecretArn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:openai",
}

func loadProject(t *testing.T) *Template {
	t.Helper()
	template, err := Load(projectTemplate, projectParameters)
	if err != nil {
		t.Fatal(err)
	}
	return template
}

func loadText(t *testing.T, text string, parameters map[string]string) (*Template, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path, parameters)
}

func TestProjectTemplate(t *testing.T) {
	got := loadProject(t)
	routes := []Route{
		{Method: "PUT", Path: "/documents/{document_id}", Function: "EmbedFunction"},
		{Method: "GET", Path: "/documents/{document_id}", Function: "RetrieveFunction"},
		{Method: "DELETE", Path: "/documents/{document_id}", Function: "EmbedFunction"},
		{Method: "GET", Path: "/documents/{document_id}/chunks", Function: "RetrieveFunction"},
		{Method: "GET", Path: "/documents", Function: "RetrieveFunction"},
		{Method: "POST", Path: "/retrieve", Function: "RetrieveFunction"},
		{Method: "POST", Path: "/answer", Function: "AnswerFunction", Streams: true},
		{Method: "POST", Path: "/diagnose", Function: "DiagnoseFunction"},
	}
	for i := range routes {
		routes[i].Authorizer = authIAM
		routes[i].Timeout = 29 * time.Second
	}
	if diff := cmp.Diff(got.Routes, routes); diff != "" {
		t.Errorf("routes (-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(got.API, API{LogicalID: "Api", Stage: "v1"}); diff != "" {
		t.Errorf("API (-got +want):\n%s", diff)
	}
	embed, ok := got.Function("EmbedFunction")
	if !ok || embed.Name != "embed" || embed.Timeout != 28*time.Second || embed.MemoryMB < 128 {
		t.Errorf("EmbedFunction: got %+v", embed)
	}
	if embed.Environment["RAGTIME_TABLE"] != got.Table.Name || got.Table.Name != "ragtime-Table" {
		t.Errorf("table: got %q in the environment, %q in the table, want ragtime-Table", embed.Environment["RAGTIME_TABLE"], got.Table.Name)
	}
	if got := embed.Environment["OPENAI_API_KEY_SECRET"]; got != projectParameters["OpenAIKeySecretArn"] {
		t.Errorf("OPENAI_API_KEY_SECRET: got %q", got)
	}
	if len(got.Table.VectorIndexes) != 1 || got.Table.VectorIndexes[0].Dimensions != 1536 || got.Table.TTLAttribute == "" {
		t.Errorf("table: got %+v", got.Table)
	}
	for n := range 8 { // as many as FilterKeys and RAGTIME_FILTER_KEYS may name
		filter := KeyElement{fmt.Sprintf("filter_%d", n+1), "INLINE_FILTER"}
		if !slices.Contains(got.Table.VectorIndexes[0].SearchSchema, filter) {
			t.Errorf("the vector index has no inline filter %s", filter.Attribute)
		}
	}
}

const fullTemplate = `
Parameters:
  Size: {Type: Number, Default: 4, MinValue: 1, MaxValue: 8}
  Stage: {Type: String, Default: v1}
  Pools: {Type: CommaDelimitedList, Default: ""}
Conditions:
  HasPool: !Not [!Equals [!Join ["", !Ref Pools], ""]]
  Always: !And [!Or [!Condition HasPool, !Equals [!Ref Stage, v1]], !Not [!Condition HasPool]]
Globals:
  Function:
    Timeout: 28
    Environment: {Variables: {TABLE: !Ref Table, LEVEL: info, SIZE: !Ref Size}}
Resources:
  Bucket: {Type: "AWS::S3::Bucket", Properties: {Odd: !Select [0, !GetAZs ""]}}
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: !Ref Stage
      BinaryMediaTypes: [image~1PNG]
      DefinitionBody:
        components:
          securitySchemes:
            who: !If
              - HasPool
              - {x-amazon-apigateway-authtype: cognito_user_pools}
              - !If [Always, {x-amazon-apigateway-authtype: awsSigv4}, {x-amazon-apigateway-authtype: custom}]
        paths:
          /{proxy+}:
            x-amazon-apigateway-any-method:
              security: [{who: []}]
              x-amazon-apigateway-integration: {uri: !Sub "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/${EchoFunction.Arn}:live/invocations"}
          /open:
            get:
              x-amazon-apigateway-integration: {uri: !Sub "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/${EchoFunction.Arn}/invocations"}
            post:
              x-amazon-apigateway-integration:
                uri: !Sub "arn:aws:apigateway:eu-west-1:lambda:path/2021-11-15/functions/${EchoFunction.Arn}:live/response-streaming-invocations"
                responseTransferMode: STREAM
                timeoutInMillis: 600000
  EchoFunction:
    Type: AWS::Serverless::Function
    Properties:
      MemorySize: 1024
      Environment:
        Variables:
          LEVEL: debug
          ARN: !GetAtt Table.Arn
          LONG: {"Fn::GetAtt": [EchoFunction, Arn]}
          SUB: !Sub "${AWS::Region}/${Table.Arn}/${!Kept}/${Stage}"
          PAIR: !Sub ["${A}-${Size}", {A: !Ref Bucket}]
      Events:
        Queue: {Type: SQS, Properties: {Queue: !GetAtt Q.Arn}}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}, {AttributeName: kind, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
      VectorIndexes:
        - IndexName: near
          VectorAttribute: {AttributeName: v}
          Dimensions: !Ref Size
          DistanceFunction: COSINE
          SearchSchema: [{AttributeName: pk, SearchSchemaElementType: HASH}, {AttributeName: kind, SearchSchemaElementType: INLINE_FILTER}]
          Projection: {ProjectionType: INCLUDE, NonKeyAttributes: [text]}
      TimeToLiveSpecification: {AttributeName: expires_at, Enabled: true}
`

func TestLoad(t *testing.T) {
	got, err := loadText(t, fullTemplate, map[string]string{"Size": "6", "Table": "mine", "Bucket": "pail", "AWS::Region": "eu-west-1"})
	if err != nil {
		t.Fatal(err)
	}
	want := &Template{
		Parameters: map[string]string{"Size": "6", "Stage": "v1", "Pools": ""},
		API:        API{LogicalID: "Api", Stage: "v1", BinaryMediaTypes: []string{"image/png"}},
		Functions: []Function{{
			LogicalID: "EchoFunction", Name: "echo", Timeout: 28 * time.Second, MemoryMB: 1024,
			Environment: map[string]string{
				"TABLE": "mine", "LEVEL": "debug", "SIZE": "6",
				"ARN":  "arn:aws:dynamodb:eu-west-1:000000000000:table/mine",
				"LONG": "arn:aws:lambda:eu-west-1:000000000000:function:ragtime-EchoFunction",
				"SUB":  "eu-west-1/arn:aws:dynamodb:eu-west-1:000000000000:table/mine/${Kept}/v1",
				"PAIR": "pail-6",
			},
		}},
		Routes: []Route{
			{Method: "ANY", Path: "/{proxy+}", Function: "EchoFunction", Authorizer: authIAM, Timeout: 29 * time.Second},
			{Method: "GET", Path: "/open", Function: "EchoFunction", Authorizer: authNone, Timeout: 29 * time.Second},
			{Method: "POST", Path: "/open", Function: "EchoFunction", Authorizer: authNone, Streams: true, Timeout: 10 * time.Minute},
		},
		Table: Table{
			LogicalID: "Table", Name: "mine", BillingMode: "PAY_PER_REQUEST",
			Attributes: []Attribute{{"pk", "S"}, {"kind", "S"}},
			Key:        []KeyElement{{"pk", "HASH"}},
			VectorIndexes: []VectorIndex{{
				Name: "near", Attribute: "v", Dimensions: 6, Distance: "COSINE",
				SearchSchema:   []KeyElement{{"pk", "HASH"}, {"kind", "INLINE_FILTER"}},
				ProjectionType: "INCLUDE", NonKeyAttributes: []string{"text"},
			}},
			TTLAttribute: "expires_at",
		},
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("template (-got +want):\n%s", diff)
	}
}

func TestLoadMistakes(t *testing.T) {
	const text = `Parameters:
  Key: {Type: String}
  Size: {Type: Number, Default: ten}
  Arch: {Type: String, Default: mips, AllowedValues: [arm64]}
  Name: {Type: String, Default: a b, AllowedPattern: "[a-z]+"}
Conditions: {Odd: !Contains [[a], b]}
Globals:
  Function: {Timeout: 901, Environment: {Variables: {KEY: !Ref Key, G: !Ref Nowhere}}}
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      DefinitionBody:
        components:
          securitySchemes:
            pool: {x-amazon-apigateway-authtype: cognito_user_pools}
            odd: !If [Nowhere, {}, {}]
            even: !If [Odd, {}, {}]
        paths:
          /a/{id}:
            get: &fine {x-amazon-apigateway-integration: {uri: !Sub "x/functions/${AFunction.Arn}:live/invocations"}}
            GET: *fine
            fetch: *fine
            put: {security: [{pool: []}], x-amazon-apigateway-integration: {uri: !Sub "x/functions/${Gone.Arn}:live/invocations"}}
            post: {security: [{odd: []}]}
            patch: {security: [{even: []}], x-amazon-apigateway-integration: {uri: "x/functions/${AFunction.Arn}:live/invocations"}}
            head: {security: [{}], x-amazon-apigateway-integration: {uri: !Sub "x/functions/${AFunction.Arn}:live/invocations"}}
          /a/{other}/b: {get: *fine}
          /c: {get: {x-amazon-apigateway-integration: {uri: !Sub "x/functions/${AFunction.Arn}:live/invocations", responseTransferMode: STREAM}}}
          /d: {get: {x-amazon-apigateway-integration: {uri: !Sub "x/functions/${AFunction.Arn}:live/response-streaming-invocations", timeoutInMillis: 29001}}}
          /e: {get: {x-amazon-apigateway-integration: {uri: !Sub "x/functions/${AFunction.Arn}:live/invocations", responseTransferMode: FLOW}}}
          a: {get: *fine}
          /{p+}/b: {get: *fine}
  AFunction:
    Type: AWS::Serverless::Function
    Properties:
      MemorySize: !If [x, 1, 2]
      Environment: {Variables: {E: !GetAtt Gone.Arn, Q: !Ref Queue}}
  Queue: {Type: "AWS::SQS::Queue"}
  T:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: pk}]
      KeySchema: [{AttributeName: sk, KeyType: HASH}]
      VectorIndexes: [{IndexName: v}]
`
	_, err := loadText(t, text, map[string]string{"Typo": "x"})
	if err == nil {
		t.Fatal("got no error")
	}
	wants := []string{
		`t.yaml:2: parameter Key has no default: give it a value`,
		`t.yaml:3: parameter Size: "ten" is not a number`,
		`t.yaml:4: parameter Arch: "mips" is not one of AllowedValues`,
		`t.yaml:5: parameter Name: "a b" does not match AllowedPattern [a-z]+`,
		`t.yaml:1: a value was given for Typo, which is neither a parameter nor a resource`,
		`t.yaml:10: Api: StageName is missing`,
		`t.yaml:22: Api GET /a/{id}: GET /a/{id} belongs to AFunction already`,
		`t.yaml:23: Api FETCH /a/{id}: unknown method "FETCH"`,
		`t.yaml:24: Api PUT /a/{id}: there is no function Gone`,
		`t.yaml:24: Api PUT /a/{id}: the local gateway verifies awsSigv4, and the scheme pool is "cognito_user_pools"`,
		`t.yaml:25: Api POST /a/{id}: x-amazon-apigateway-integration has no uri`,
		`t.yaml:17: Api POST /a/{id}: there is no condition "Nowhere"`,
		`t.yaml:25: Api POST /a/{id}: the local gateway verifies awsSigv4, and the scheme odd is ""`,
		`t.yaml:26: Api PATCH /a/{id}: the integration's uri is not a !Sub that ends in /functions/${Function.Arn}:<alias>/invocations, or /response-streaming-invocations`,
		`t.yaml:6: Api PATCH /a/{id}: cannot resolve !Contains in a condition; use !Equals, !Not, !And or !Or`,
		`t.yaml:26: Api PATCH /a/{id}: the local gateway verifies awsSigv4, and the scheme even is ""`,
		`t.yaml:27: Api HEAD /a/{id}: security names no scheme`,
		`t.yaml:28: Api GET /a/{other}/b: {other} beside {id}: variables in one place must have one name`,
		`t.yaml:29: Api GET /c: with this responseTransferMode the integration's uri ends in 2021-11-15/functions/.../response-streaming-invocations`,
		`t.yaml:30: Api GET /d: with this responseTransferMode the integration's uri ends in 2015-03-31/functions/.../invocations`,
		`t.yaml:30: Api GET /d timeoutInMillis: "29001" is not a whole number from 50 to 29000`,
		`t.yaml:31: Api GET /e: responseTransferMode "FLOW" is neither BUFFERED nor STREAM`,
		`t.yaml:32: Api: path "a": it must begin with /`,
		`t.yaml:33: Api: path "/{p+}/b": {name+} must be the last part`,
		`t.yaml:8: Globals Timeout: "901" is not a whole number from 1 to 900`,
		`t.yaml:8: Globals Environment G: Nowhere is neither a parameter nor a resource`,
		`t.yaml:37: AFunction MemorySize: cannot resolve !If here; use a plain value, !Ref, !Sub or !GetAtt`,
		`t.yaml:38: AFunction Environment E: !GetAtt Gone.Arn: there is no resource Gone`,
		`t.yaml:38: AFunction Environment Q: the physical name of Queue (AWS::SQS::Queue) is not known: give it a value`,
		`t.yaml:43: T: AttributeType is missing`,
		`t.yaml:44: T: sk is not in AttributeDefinitions`,
		`t.yaml:45: T VectorAttribute: AttributeName is missing`,
		`t.yaml:45: T: DistanceFunction is missing`,
		`t.yaml:45: T: ProjectionType is missing`,
		`t.yaml:45: T: Dimensions is missing`,
	}
	got := strings.Split(err.Error(), "\n")
	if len(got) != len(wants) {
		t.Errorf("got %d mistakes, want %d:\n%v", len(got), len(wants), err)
	}
	for _, want := range wants {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing: %s", want)
		}
	}
	if t.Failed() {
		t.Logf("got:\n%v", err)
	}
}

func TestLoadUnreadable(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: got %v", err)
	}
	for _, text := range []string{"", "- a list", "a: [", "a: *nobody"} {
		if _, err := loadText(t, text, nil); err == nil || !strings.Contains(err.Error(), "t.yaml") {
			t.Errorf("%q: got %v, want an error naming the file", text, err)
		}
	}
}
