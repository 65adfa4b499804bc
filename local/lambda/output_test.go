package lambda

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOutputLines(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	tests := []struct {
		name   string
		writes []string // a flush follows each
		want   []string
	}{
		{"nothing", []string{""}, nil},
		{"lines", []string{"a\nb\n"}, []string{"a", "b"}},
		{"empty line", []string{"a\n\nb\n"}, []string{"a", "", "b"}},
		{"line break of Windows", []string{"a\r\n"}, []string{"a"}},
		{"unfinished", []string{"a\nb"}, []string{"a", "b"}},
		{"unfinished, then more", []string{"a", "b\n"}, []string{"a", "b"}},
		{"too long", []string{long + "y\nz\n"}, []string{long, "y", "z"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string // no lock: flush and close order the emits before what follows
			o, w, err := newOutput(func(s string) { got = append(got, s) })
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range tt.writes {
				if _, err := io.WriteString(w, text); err != nil {
					t.Fatal(err)
				}
				o.flush()
			}
			o.close() // with w still open, as with a child that got away
			w.Close()
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOutputAfterItsWriterIsGone(t *testing.T) {
	var got []string
	o, w, err := newOutput(func(s string) { got = append(got, s) })
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "last words")
	w.Close()
	<-o.done
	o.flush()
	o.close()
	if diff := cmp.Diff([]string{"last words"}, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}
