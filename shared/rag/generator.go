package rag

import "context"

// Role is the author of a message.
type Role string

// The roles that a client may use.
const (
	User      Role = "user"
	Assistant Role = "assistant"
)

// Message is one turn of a conversation.
type Message struct {
	Role    Role
	Content string
}

// Prompt is a request to a chat model.
type Prompt struct {
	System    string
	Messages  []Message // oldest first; the last one is the user's
	MaxTokens int       // how many the model may write
}

// Finish is the reason why a model stopped.
type Finish string

// The reasons. A text that breaks off is an error instead.
const (
	FinishStop       Finish = "stop"           // the model was done
	FinishLength     Finish = "length"         // MaxTokens or the model's context was reached
	FinishFilter     Finish = "content_filter" // the provider withheld the rest
	FinishRefusal    Finish = "refusal"        // the model declined; its text says so
	FinishNoPassages Finish = "no_passages"    // nothing relevant was found, no model was asked
)

// Generated is the text that a model made.
type Generated struct {
	Text   string // all that was emitted
	Finish Finish
	Model  string // the model's own name, such as gpt-4.1-mini-2025-04-14
	Paid   []Paid // for all attempts, as far as the providers say; also with an error
}

// Paid is how many tokens were paid for at one model.
type Paid struct {
	Model              string // the configured name, such as gpt-4.1-mini
	Prompt, Completion int
}

// Generator makes text with a chat model.
type Generator interface {
	// Generate passes the text to emit piece by piece, in order, and waits for each call to
	// return. If emit returns an error, Generate ends with it. Generate makes no other
	// attempt after the first piece, since what was emitted cannot be taken back.
	Generate(ctx context.Context, p Prompt, emit func(piece string) error) (Generated, error)
	// Window is how many tokens the model takes, including those that it writes.
	Window() int
}
