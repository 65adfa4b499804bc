//go:build !race

package chunk

// The race detector makes the tokenizer some twenty times slower.
const raceEnabled = false
