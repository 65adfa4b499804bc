package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"ragtime/local/lambda"
)

// logMost is how large functions.log grows, in bytes, before it becomes
// functions.log.1, which takes the place of the one before it.
const logMost = 16 << 20

// functionsLog is a file of the functions' log lines, each a JSON object. Safe
// for concurrent use.
type functionsLog struct {
	path string

	mu   sync.Mutex
	file *os.File
	size int64
}

func openLog(path string) (*functionsLog, error) {
	l := &functionsLog{path: path}
	return l, l.open()
}

// open opens the file for its owner alone: texts are not in it, but who asked what when is.
func (l *functionsLog) open() error {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	l.file, l.size = f, info.Size()
	return nil
}

// write adds a line. What the function wrote as JSON stays JSON.
func (l *functionsLog) write(line lambda.Line) {
	text := json.RawMessage(line.Text)
	if len(text) == 0 || text[0] != '{' || !json.Valid(text) {
		text, _ = json.Marshal(line.Text) // a string cannot fail
	}
	out, err := json.Marshal(struct {
		Time      time.Time       `json:"time"`
		Function  string          `json:"function"`
		RequestID string          `json:"request_id,omitempty"`
		Line      json.RawMessage `json:"line"`
	}{line.Time.UTC(), line.Function, line.RequestID, text})
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return
	}
	if l.size+int64(len(out)) > logMost {
		err = l.turn()
	}
	if err == nil {
		var n int
		n, err = l.file.Write(append(out, '\n'))
		l.size += int64(n)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "the functions' log ends here: %v\n", err)
		l.file.Close()
		l.file = nil
	}
}

// turn begins the file anew.
func (l *functionsLog) turn() error {
	l.file.Close()
	l.file = nil
	if err := os.Rename(l.path, l.path+".1"); err != nil {
		return err
	}
	return l.open()
}

func (l *functionsLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
}
