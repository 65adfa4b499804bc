package system

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"ragtime/local/gateway"
)

// createTable creates the template's table, unless it exists. Nothing expires in it.
func createTable(ctx context.Context, client dynamodb.HTTPClient, t gateway.Table) error {
	endpoint := "http://dynamodb" // client does not resolve it
	db := dynamodb.New(dynamodb.Options{
		Region:       region,
		BaseEndpoint: &endpoint,
		HTTPClient:   client,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		}),
	})
	in := &dynamodb.CreateTableInput{TableName: &t.Name, BillingMode: types.BillingModePayPerRequest}
	for _, a := range t.Attributes {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{
			AttributeName: &a.Name,
			AttributeType: types.ScalarAttributeType(a.Type),
		})
	}
	for _, k := range t.Key {
		in.KeySchema = append(in.KeySchema, types.KeySchemaElement{
			AttributeName: &k.Attribute,
			KeyType:       types.KeyType(k.Type),
		})
	}
	for _, v := range t.VectorIndexes {
		index := types.VectorIndex{
			IndexName:        &v.Name,
			Dimensions:       aws.Int64(int64(v.Dimensions)),
			DistanceFunction: types.VectorDistanceFunction(v.Distance),
			VectorAttribute:  &types.VectorAttributeDefinition{AttributeName: &v.Attribute},
			Projection: &types.Projection{
				ProjectionType:   types.ProjectionType(v.ProjectionType),
				NonKeyAttributes: v.NonKeyAttributes,
			},
		}
		for _, e := range v.SearchSchema {
			index.SearchSchema = append(index.SearchSchema, types.SearchSchemaElement{
				AttributeName:           &e.Attribute,
				SearchSchemaElementType: types.SearchSchemaElementType(e.Type),
			})
		}
		in.VectorIndexes = append(in.VectorIndexes, index)
	}
	_, err := db.CreateTable(ctx, in)
	if _, exists := errors.AsType[*types.ResourceInUseException](err); exists {
		return nil
	}
	return err
}
