package main

import (
	"ragtime/shared/apigw"
	"ragtime/shared/query"
	"ragtime/shared/rag"
)

// The events of a streamed answer, in this order; text as often as it takes.
//
//	passages   {"passages": [...]}
//	text       {"text": "..."}
//	citations  {"citations": [...]}
//	done       as a whole answer, without passages and text
//	error      a problem document, or {"degraded": ...}: there is no more text, and no done
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

// streamProgress tells of an answer while it grows.
func streamProgress(events *apigw.Events) rag.Progress {
	return rag.Progress{
		Passages: func(found []rag.Passage) error {
			return events.Send("passages", passagesEvent{Passages: query.Passages(found)})
		},
		Text: func(piece string) error { return events.Send("text", textEvent{piece}) },
	}
}

// sendEnd ends a streamed answer.
func sendEnd(events *apigw.Events, rest summary) error {
	if rest.Degraded != nil {
		return events.Send("error", rest)
	}
	if err := events.Send("citations", citationsEvent{rest.Citations}); err != nil {
		return err
	}
	return events.Send("done", rest)
}
