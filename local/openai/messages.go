package openai

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// message is one turn of a conversation.
type message struct {
	role string
	text string
}

type messageInput struct {
	Role      *string         `json:"role"`
	Content   json.RawMessage `json:"content"`
	ToolCalls json.RawMessage `json:"tool_calls"`
}

var roles = []string{"system", "assistant", "user", "function", "tool", "developer"}

// readMessages reads and checks the messages.
func (in *chatInput) readMessages() ([]message, *apiError) {
	if in.Messages == nil {
		return nil, invalidRequestCode("messages", "missing_required_parameter", "Missing required parameter: 'messages'.")
	}
	if len(*in.Messages) == 0 {
		return nil, invalidRequestCode("messages", "empty_array", "Invalid 'messages': empty array. "+
			"Expected an array with minimum length 1, but got an empty array instead.")
	}
	var out []message
	for i, m := range *in.Messages {
		at := fmt.Sprintf("messages[%d]", i)
		if m.Role == nil {
			return nil, invalidRequestCode(at+".role", "missing_required_parameter", "Missing required parameter: '%s.role'.", at)
		}
		if !slices.Contains(roles, *m.Role) {
			return nil, invalidRequestCode(at+".role", "invalid_value",
				"Invalid value: '%s'. Supported values are: '%s', and '%s'.",
				*m.Role, strings.Join(roles[:len(roles)-1], "', '"), roles[len(roles)-1])
		}
		text, refused := m.text(at + ".content")
		if refused != nil {
			return nil, refused
		}
		out = append(out, message{*m.Role, text})
	}
	return out, nil
}

// text returns the message's content: a string, or the joined parts of type text. at
// names the place in errors.
func (m messageInput) text(at string) (string, *apiError) {
	if len(m.Content) == 0 || string(m.Content) == "null" {
		if *m.Role == "assistant" && len(m.ToolCalls) > 0 {
			return "", nil
		}
		return "", invalidRequestCode(at, "invalid_type", "Invalid value for 'content': expected a string, got null.")
	}
	var text string
	if json.Unmarshal(m.Content, &text) == nil {
		return text, nil
	}
	var parts []struct{ Type, Text string }
	if json.Unmarshal(m.Content, &parts) != nil || len(parts) == 0 {
		return "", invalidRequestCode(at, "invalid_type",
			"Invalid type for '%s': expected one of a string or array of objects.", at)
	}
	for i, p := range parts {
		if p.Type != "text" {
			return "", invalidRequestCode(fmt.Sprintf("%s[%d].type", at, i), "invalid_value",
				"Invalid value: '%s'. Supported values are: 'text'.", p.Type)
		}
		text += p.Text
	}
	return text, nil
}
