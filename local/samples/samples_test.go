package samples

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestDocuments(t *testing.T) {
	docs := Documents()
	if got, want := len(docs), 25; got != want {
		t.Errorf("got %d documents, want %d", got, want)
	}
	if !slices.IsSortedFunc(docs, func(a, b Document) int { return strings.Compare(a.ID, b.ID) }) {
		t.Error("documents are not sorted by ID")
	}

	validID := regexp.MustCompile(`^[A-Za-z0-9._~-]+$`)
	titles := make(map[string]string) // title to ID
	for _, d := range docs {
		t.Run(d.ID, func(t *testing.T) {
			if !validID.MatchString(d.ID) {
				t.Errorf("got ID %q, want it to match %s", d.ID, validID)
			}
			if d.Title == "" || !strings.HasPrefix(d.Text, "# "+d.Title+"\n") {
				t.Errorf("got title %q, want the heading on the first line", d.Title)
			}
			if other, taken := titles[d.Title]; taken {
				t.Errorf("title %q is also that of %s", d.Title, other)
			}
			titles[d.Title] = d.ID
			if got := len(strings.Fields(d.Text)); got < 300 || got > 1500 {
				t.Errorf("got %d words, want 300 to 1500", got)
			}
			if !utf8.ValidString(d.Text) {
				t.Error("text is not valid UTF-8")
			}
			if !strings.Contains(d.Text, "\n## ") {
				t.Error("text has no section heading")
			}
		})
	}
}

// TestTelephoneNumbers keeps to the numbers set aside for fiction.
func TestTelephoneNumbers(t *testing.T) {
	number := regexp.MustCompile(`\d{3}-\d{3}-\d{4}`)
	fictional := regexp.MustCompile(`^\d{3}-555-01\d\d$`)
	for _, d := range Documents() {
		for _, got := range number.FindAllString(d.Text, -1) {
			if !fictional.MatchString(got) {
				t.Errorf("%s: got telephone number %s, want one like 800-555-0110", d.ID, got)
			}
		}
	}
}

// TestPlanFigures checks that every table row on a plan-wide amount gives the
// same three figures. Figures inside sentences are not checked.
func TestPlanFigures(t *testing.T) {
	tests := []struct {
		row  string
		want []string // Bronze HDHP, Silver HMO, Gold PPO
	}{
		{"Individual deductible", []string{"$6,000", "$3,500", "$1,200"}},
		{"Family deductible", []string{"$12,000", "$7,000", "$2,400"}},
		{"Individual out-of-pocket maximum", []string{"$8,000", "$8,200", "$6,000"}},
		{"Family out-of-pocket maximum", []string{"$16,000", "$16,400", "$12,000"}},
		{"Emergency room visit", []string{"30% after deductible", "$400", "$300"}},
		{"Urgent care visit", []string{"30% after deductible", "$60", "$40"}},
	}
	for _, tt := range tests {
		t.Run(tt.row, func(t *testing.T) {
			found := false
			for _, d := range Documents() {
				for line := range strings.Lines(d.Text) {
					cells := strings.Split(strings.Trim(line, "| \n"), " | ")
					if cells[0] != tt.row || len(cells) != 1+len(tt.want) {
						continue
					}
					found = true
					if diff := cmp.Diff(cells[1:], tt.want); diff != "" {
						t.Errorf("%s (-got +want):\n%s", d.ID, diff)
					}
				}
			}
			if !found {
				t.Error("no document has this row")
			}
		})
	}
}

func TestQuestions(t *testing.T) {
	texts := make(map[string]string)
	for _, d := range Documents() {
		texts[d.ID] = d.Text
	}
	questions := Questions()
	if got, want := len(questions), 40; got != want {
		t.Errorf("got %d questions, want %d", got, want)
	}
	asked := make(map[string]bool)
	covered := make(map[string]bool)
	for _, q := range questions {
		if strings.TrimSpace(q.Question) == "" {
			t.Errorf("got an empty question for %q", q.Document)
		}
		if asked[q.Question] {
			t.Errorf("question asked twice: %q", q.Question)
		}
		asked[q.Question] = true
		if texts[q.Document] == "" {
			t.Errorf("question %q: no document %q", q.Question, q.Document)
		}
		if q.Fact == "" || !strings.Contains(texts[q.Document], q.Fact) {
			t.Errorf("question %q: the document does not say %q", q.Question, q.Fact)
		}
		covered[q.Document] = true
	}
	if got, least := len(covered), 22; got < least {
		t.Errorf("questions cover %d documents, want at least %d", got, least)
	}
}
