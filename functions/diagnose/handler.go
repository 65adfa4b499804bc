package main

import (
	"context"
	"log/slog"
	"net/http"
	"slices"

	"ragtime/shared/apigw"
	"ragtime/shared/config"
	"ragtime/shared/diagnose"
	"ragtime/shared/trace"
)

type handler struct {
	services []diagnose.Service
	options  diagnose.Options
}

func newHandler(s []diagnose.Service, o diagnose.Options, from config.Tenancy, t *trace.Tracer) apigw.Func {
	h := handler{s, o}
	return apigw.API{
		Name:    "diagnose",
		Tracer:  t,
		Tenancy: from,
		Routes:  apigw.Routes{"POST /diagnose": h.diagnose},
		Direct:  apigw.Direct{Route: "POST /diagnose"},
	}.Serve
}

type answer struct {
	OK          bool              `json:"ok"` // all targets are
	Targets     []diagnose.Target `json:"targets"`
	OperationID string            `json:"operation_id"`
}

// diagnose answers 200 whatever it finds: that a service cannot be reached is a result
// here, not a failure.
func (h handler) diagnose(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
	if err := checkEmptyBody(r); err != nil {
		return apigw.Response{}, err
	}
	out := answer{Targets: diagnose.Run(ctx, h.services, h.options), OperationID: r.OperationID}
	failed := func(t diagnose.Target) bool { return !t.OK }
	out.OK = !slices.ContainsFunc(out.Targets, failed)
	for _, t := range out.Targets {
		if failed(t) {
			slog.WarnContext(ctx, "target not reached",
				"operation", "diagnose",
				"operation_id", r.OperationID,
				"target", t.Name,
				"host", t.Host,
				"address", t.Address,
				"step", t.Step,
				"phase", t.Phase,
				"detail", t.Error)
		}
	}
	return apigw.Response{Status: http.StatusOK, Body: out}, nil
}

// checkEmptyBody lets through no body, and an empty JSON object.
func checkEmptyBody(r *apigw.Request) error {
	text, err := r.Text()
	if err != nil || text == "" {
		return err
	}
	return r.JSON(&struct{}{})
}
