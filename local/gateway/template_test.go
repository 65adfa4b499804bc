package gateway

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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
		{"PUT", "/documents/{document_id}", "EmbedFunction", authIAM},
		{"DELETE", "/documents/{document_id}", "EmbedFunction", authIAM},
		{"POST", "/retrieve", "RetrieveFunction", authIAM},
		{"GET", "/documents", "RetrieveFunction", authIAM},
		{"GET", "/documents/{document_id}", "RetrieveFunction", authIAM},
		{"GET", "/documents/{document_id}/chunks", "RetrieveFunction", authIAM},
		{"POST", "/diagnose", "DiagnoseFunction", authIAM},
	}
	if diff := cmp.Diff(got.Routes, routes); diff != "" {
		t.Errorf("routes (-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(got.API, API{LogicalID: "Api", Stage: "v1", Authorizer: authIAM}); diff != "" {
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
}

const fullTemplate = `
Parameters:
  Size: {Type: Number, Default: 4, MinValue: 1, MaxValue: 8}
  Stage: {Type: String, Default: v1}
Globals:
  Function:
    Timeout: 28
    Environment: {Variables: {TABLE: !Ref Table, LEVEL: info, SIZE: !Ref Size}}
Resources:
  Bucket: {Type: "AWS::S3::Bucket", Properties: {Odd: !Select [0, !GetAZs ""]}}
  Api:
    Type: AWS::Serverless::Api
    Properties: {StageName: !Ref Stage, BinaryMediaTypes: [image~1PNG]}
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
        Any: {Type: Api, Properties: {RestApiId: !Ref Api, Path: "/{proxy+}", Method: any, Auth: {Authorizer: AWS_IAM}}}
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
		Parameters: map[string]string{"Size": "6", "Stage": "v1"},
		API:        API{LogicalID: "Api", Stage: "v1", Authorizer: authNone, BinaryMediaTypes: []string{"image/png"}},
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
		Routes: []Route{{"ANY", "/{proxy+}", "EchoFunction", authIAM}},
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
Globals:
  Function: {Timeout: 901, Environment: {Variables: {KEY: !Ref Key, G: !Ref Nowhere}}}
Resources:
  Api: {Type: "AWS::Serverless::Api", Properties: {StageName: v1, Auth: {DefaultAuthorizer: Cognito}}}
  AFunction:
    Type: AWS::Serverless::Function
    Properties:
      MemorySize: !If [x, 1, 2]
      Environment: {Variables: {E: !GetAtt Gone.Arn, Q: !Ref Queue}}
      Events:
        One: {Type: Api, Properties: {RestApiId: !Ref Api, Path: "/a/{id}", Method: get}}
        Two: {Type: Api, Properties: {RestApiId: !Ref Api, Path: "/a/{id}", Method: GET}}
        Three: {Type: Api, Properties: {RestApiId: !Ref Api, Path: "/a/{other}/b", Method: get}}
        Four: {Type: Api, Properties: {RestApiId: Api, Path: "a", Method: fetch}}
        Five: {Type: Api, Properties: {Path: "/{p+}/b", Method: get}}
        Six: {Type: Api, Properties: {Path: /}}
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
		`t.yaml:9: Api DefaultAuthorizer: the local gateway knows AWS_IAM and NONE, not "Cognito"`,
		`t.yaml:7: Globals Timeout: "901" is not a whole number from 1 to 900`,
		`t.yaml:7: Globals Environment G: Nowhere is neither a parameter nor a resource`,
		`t.yaml:13: AFunction MemorySize: cannot resolve !If here`,
		`t.yaml:14: AFunction Environment E: !GetAtt Gone.Arn: there is no resource Gone`,
		`t.yaml:14: AFunction Environment Q: the physical name of Queue (AWS::SQS::Queue) is not known`,
		`t.yaml:17: AFunction event Two: GET /a/{id} belongs to AFunction already`,
		`t.yaml:18: AFunction event Three: {other} beside {id}: variables in one place must have one name`,
		`t.yaml:19: AFunction event Four: RestApiId is not a !Ref`,
		`t.yaml:19: AFunction event Four: unknown method "FETCH"`,
		`t.yaml:19: AFunction event Four: path "a": it must begin with /`,
		`t.yaml:20: AFunction event Five: RestApiId is missing`,
		`t.yaml:20: AFunction event Five: path "/{p+}/b": {name+} must be the last part`,
		`t.yaml:21: AFunction event Six: Path and Method are both needed`,
		`t.yaml:26: T: AttributeType is missing`,
		`t.yaml:27: T: sk is not in AttributeDefinitions`,
		`t.yaml:28: T VectorAttribute: AttributeName is missing`,
		`t.yaml:28: T: DistanceFunction is missing`,
		`t.yaml:28: T: ProjectionType is missing`,
		`t.yaml:28: T: Dimensions is missing`,
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
