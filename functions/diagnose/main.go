// Command diagnose is the Lambda function behind POST /diagnose.
package main

import (
	"errors"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"ragtime/shared/config"
	"ragtime/shared/diagnose"
	"ragtime/shared/operation"
	"ragtime/shared/trace"
)

func main() {
	slog.SetDefault(slog.New(operation.LogHandler(lambdacontext.NewLogger().Handler())))
	cfg, err := config.Read(os.Getenv)
	chat, chatErr := config.ReadChat(os.Getenv, cfg)
	if err := errors.Join(err, chatErr); err != nil {
		slog.Error("the configuration is wrong", "error", err.Error())
		os.Exit(1)
	}
	t := trace.New(cfg.XRayDaemon, trace.AWS{Region: cfg.Region, Table: cfg.Table})
	options := diagnose.Options{Resolver: cfg.Resolver}
	lambda.StartHandlerFunc(newHandler(diagnose.Services(cfg, chat), options, cfg.Tenancy, t))
}
