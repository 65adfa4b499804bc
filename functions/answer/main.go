// Command answer is the Lambda function behind POST /answer.
package main

import (
	"errors"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"ragtime/shared/clients"
	"ragtime/shared/config"
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
	c := clients.New(cfg)
	t := trace.New(cfg.XRayDaemon, trace.AWS{Region: cfg.Region, Table: cfg.Table})
	lambda.StartHandlerFunc(newHandler(c.Embedder, c.Table, c.Generator(chat), cfg, chat, t))
}
