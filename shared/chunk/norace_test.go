//go:build !race

package chunk

// The race detector makes the tokenizer about twenty times slower.
const raceEnabled = false
