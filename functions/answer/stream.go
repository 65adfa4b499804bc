package main

import (
	"ragtime/shared/apigw"
	"ragtime/shared/query"
	"ragtime/shared/rag"
)

// The events of a streamed answer, in this order. There is a text for each piece.
// An error ends the stream, in place of citations and done.
//
//	passages   {"passages": [...]}
//	text       {"text": "..."}
//	citations  {"citations": [...]}
//	done       a summary
//	error      a problem document, or a summary with "degraded"
type (
	passagesEvent struct {
		Passages   []query.Passage `json:"passages"`
		Incomplete bool            `json:"incomplete,omitempty"`
	}
	textEvent struct {
		Text string `json:"text"`
	}
	citationsEvent struct {
		Citations []citation `json:"citations"`
	}
)

// streamProgress sends an answer's passages and pieces of text as events.
func streamProgress(events *apigw.Events) rag.Progress {
	return rag.Progress{
		Passages: func(found []rag.Passage) error {
			return events.Send("passages", passagesEvent{Passages: query.Passages(found)})
		},
		Text: func(piece string) error { return events.Send("text", textEvent{piece}) },
	}
}

// sendEnd sends the events that end a streamed answer.
func sendEnd(events *apigw.Events, rest summary) error {
	if rest.Degraded != nil {
		return events.Send("error", rest)
	}
	if err := events.Send("citations", citationsEvent{rest.Citations}); err != nil {
		return err
	}
	return events.Send("done", rest)
}
