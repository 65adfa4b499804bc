package rag

import "context"

// Role is who speaks in a conversation.
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

// Prompt is what a chat model is asked.
type Prompt struct {
	System    string
	Messages  []Message // oldest first; the last one is the user's
	MaxTokens int       // the most tokens of the text that comes back
}

// Finish tells why a model stopped.
type Finish string

// The ways in which a text ends that is no fault. A text that broke off is an error.
const (
	FinishStop       Finish = "stop"           // the model was done
	FinishLength     Finish = "length"         // MaxTokens or the model's context was reached
	FinishFilter     Finish = "content_filter" // the provider withheld the rest
	FinishRefusal    Finish = "refusal"        // the model declined; its text says so
	FinishNoPassages Finish = "no_passages"    // nothing relevant was found, no model was asked
)

// Generated is what a model made.
type Generated struct {
	Text   string // all that was emitted
	Finish Finish
	Model  string // that made it, as it names itself
	Paid   []Paid // by all attempts, as far as the providers say; also with an error
}

// Paid is the tokens that were paid for at one model.
type Paid struct {
	Model              string // as it is configured
	Prompt, Completion int
}

// Generator makes text with a chat model.
type Generator interface {
	// Generate passes the text to emit piece by piece, in order, never two at once.
	// An error of emit ends the call, and is what Generate returns. What was emitted
	// before an error stays emitted: after the first piece there is no second try.
	Generate(ctx context.Context, p Prompt, emit func(piece string) error) (Generated, error)
	// Window is how many tokens the model takes, those that it makes included.
	Window() int
}
