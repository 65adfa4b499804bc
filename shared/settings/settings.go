// Package settings reads several settings from one text, such as "inputs=10,encoding=float".
package settings

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Read calls, for each setting in the text, the function of that name with its value. An
// empty text has no settings. The error has all mistakes.
func Read(text string, known map[string]func(value string) error) error {
	var mistakes []error
	for entry := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(entry, "=")
		name = strings.TrimSpace(name)
		value = strings.TrimSpace(value)
		if name == "" && value == "" {
			continue
		}
		set := known[name]
		if set == nil {
			mistakes = append(mistakes, fmt.Errorf("%q is no setting: use %s", name, strings.Join(slices.Sorted(maps.Keys(known)), ", ")))
		} else if err := set(value); err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s=%q %w", name, value, err))
		}
	}
	return errors.Join(mistakes...)
}
