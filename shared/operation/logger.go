package operation

import (
	"context"
	"log/slog"
	"strings"
)

// LogHandler returns a handler that cuts one line of net/http: it logs the beginning of an
// answer that came over a connection without a request, and answers may have content.
func LogHandler(h slog.Handler) slog.Handler { return logHandler{h} }

type logHandler struct{ slog.Handler }

// unsolicitedPrefix is the begin of that line (net/http/transport.go,
// readLoopPeekFailLocked). The answer follows it.
const unsolicitedPrefix = "Unsolicited response received on idle HTTP channel"

func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, unsolicitedPrefix) {
		r.Message = unsolicitedPrefix
	}
	return h.Handler.Handle(ctx, r)
}

func (h logHandler) WithAttrs(a []slog.Attr) slog.Handler { return logHandler{h.Handler.WithAttrs(a)} }
func (h logHandler) WithGroup(name string) slog.Handler   { return logHandler{h.Handler.WithGroup(name)} }
