package operation

import (
	"context"
	"log/slog"
	"strings"
)

// LogHandler is a handler of a process's log that keeps the one thing of services' answers
// out of it that net/http puts there: what came over a connection unasked.
func LogHandler(h slog.Handler) slog.Handler { return logHandler{h} }

type logHandler struct{ slog.Handler }

// unsolicitedPrefix is how net/http's line begins (net/http/transport.go, readLoopPeekFailLocked).
// The beginning of the answer follows.
const unsolicitedPrefix = "Unsolicited response received on idle HTTP channel"

func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, unsolicitedPrefix) {
		r.Message = unsolicitedPrefix
	}
	return h.Handler.Handle(ctx, r)
}

func (h logHandler) WithAttrs(a []slog.Attr) slog.Handler { return logHandler{h.Handler.WithAttrs(a)} }
func (h logHandler) WithGroup(name string) slog.Handler   { return logHandler{h.Handler.WithGroup(name)} }
