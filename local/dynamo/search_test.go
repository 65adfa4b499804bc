package dynamo

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	gocmp "github.com/google/go-cmp/cmp"
)

// searchFor is a search of the index near for the nearest in partition a.
func searchFor(table string, k int32, v ...float32) *dynamodb.SearchVectorsInput {
	return &dynamodb.SearchVectorsInput{
		TableName: &table, IndexName: ptr("near"), TopK: &k, SearchVector: nums(v...),
		SearchConditionExpression: ptr("pk = :pk"), ExpressionAttributeValues: attrs{":pk": str("a")},
	}
}

func search(t testing.TB, c *dynamodb.Client, in *dynamodb.SearchVectorsInput) []types.SearchResultItem {
	t.Helper()
	out, err := c.SearchVectors(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out.SearchResults
}

// found lists the results as "sort key score".
func found(results []types.SearchResultItem) []string {
	var out []string
	for _, r := range results {
		out = append(out, fmt.Sprintf("%s %.3g", text(r.Item["sk"]), r.Score))
	}
	return out
}

func score(found string) string { return found[strings.LastIndexByte(found, ' '):] }

func TestSearchScores(t *testing.T) {
	c := start(t)
	create(t, c, vectorTable("items", 2, allProjected))
	for sk, v := range map[string][]float32{"same": {1, 0}, "double": {2, 0}, "aslant": {1, 1}, "across": {0, 1}, "opposite": {-1, 0}, "zero": {0, 0}} {
		put(t, c, "items", attrs{"pk": str("a"), "sk": str(sk), "embedding": vec(v...)})
	}
	want := []string{"double 0", "same 0", "aslant 0.293", "across 1", "zero 1", "opposite 2"}
	got := found(search(t, c, searchFor("items", 100, 1, 0)))
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	if got := found(search(t, c, searchFor("items", 3, 1, 0))); len(got) != 3 || score(got[2]) != score(want[2]) {
		t.Errorf("got %v for TopK 3, want the scores of the first of %v", got, want)
	}
}

func TestSearchFilters(t *testing.T) {
	c := start(t)
	create(t, c, vectorTable("items", 2, allProjected))
	for i, it := range []attrs{
		{"pk": str("a"), "doc": str("x"), "group": str("1")},
		{"pk": str("a"), "doc": str("x"), "group": str("2")},
		{"pk": str("a"), "doc": str("y"), "group": str("1")},
		{"pk": str("a"), "doc": str("x")},
		{"pk": str("b"), "doc": str("x"), "group": str("1")},
	} {
		it["sk"] = str(strconv.Itoa(i))
		it["embedding"] = vec(1, float32(i))
		put(t, c, "items", it)
	}
	for _, test := range []struct {
		condition string
		values    attrs
		want      []string
	}{
		{"pk = :pk", nil, []string{"0 0", "1 0.293", "2 0.553", "3 0.684"}},
		{"pk = :pk AND doc = :x", attrs{":x": str("x")}, []string{"0 0", "1 0.293", "3 0.684"}},
		{"doc = :x AND #group = :one AND pk = :pk", attrs{":x": str("x"), ":one": str("1")}, []string{"0 0"}},
		{"(pk = :pk) AND (#group = :one)", attrs{":one": str("1")}, []string{"0 0", "2 0.553"}},
		{"pk = :pk AND doc = :x", attrs{":x": str("none")}, nil},
	} {
		in := searchFor("items", 10, 1, 0)
		in.SearchConditionExpression = &test.condition
		if strings.Contains(test.condition, "#group") {
			in.ExpressionAttributeNames = map[string]string{"#group": "group"}
		}
		for k, v := range test.values {
			in.ExpressionAttributeValues[k] = v
		}
		if diff := gocmp.Diff(test.want, found(search(t, c, in))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.condition, diff)
		}
	}
}

func TestSearchErrors(t *testing.T) {
	c := start(t)
	create(t, c, vectorTable("items", 4, allProjected))
	const label = "Invalid SearchConditionExpression: "
	condition := func(s string, values attrs) func(*dynamodb.SearchVectorsInput) {
		return func(in *dynamodb.SearchVectorsInput) {
			in.SearchConditionExpression, in.ExpressionAttributeValues = &s, values
		}
	}
	v, two := attrs{":v": str("a")}, attrs{":v": str("a"), ":w": str("b")}
	tests := []struct {
		name   string
		change func(*dynamodb.SearchVectorsInput)
		want   string
	}{
		{"no condition", func(in *dynamodb.SearchVectorsInput) {
			in.SearchConditionExpression, in.ExpressionAttributeValues = nil, nil
		}, "SearchConditionExpression must be provided when SearchSchema has a HASH key"},
		{"comparator", condition("pk > :v", v), label + "Invalid comparator used in SearchConditionExpression"},
		{"function", condition("begins_with(pk, :v)", v), label + "Invalid comparator used in SearchConditionExpression"},
		{"between", condition("pk BETWEEN :v AND :w", two), label + "Invalid comparator used in SearchConditionExpression"},
		{"or", condition("pk = :v OR pk = :w", two), label + "Invalid operator used in SearchConditionExpression: OR"},
		{"no hash", condition("doc = :v", v), label + "Missing condition on the HASH attribute of the SearchSchema: pk"},
		{"two attributes", condition("pk = doc", nil), label + `Syntax error; token: "doc"`},
		{"not in the schema", condition("pk = :v AND sk = :w", two), label + "Attribute is not in the SearchSchema of index near: sk"},
		{"type", condition("pk = :v", attrs{":v": num("1")}), "One or more parameter values were invalid: Condition parameter type does not match schema type"},
		{"unused value", condition("pk = :v", two), "Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}"},
		{"TopK 101", func(in *dynamodb.SearchVectorsInput) { in.TopK = ptr(int32(101)) }, "Provided TopK value '101' is out of valid range. The value must be between 1 and 100 inclusive"},
		{"TopK 0", func(in *dynamodb.SearchVectorsInput) { in.TopK = ptr(int32(0)) }, "Provided TopK value '0' is out of valid range. The value must be between 1 and 100 inclusive"},
		{"dimension", func(in *dynamodb.SearchVectorsInput) { in.SearchVector = nums(1, 2, 3) }, "Input search vector dimension 3 does not match vector index dimension 4"},
		{"index", func(in *dynamodb.SearchVectorsInput) { in.IndexName = ptr("far") }, "The table does not have the specified index: far"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := searchFor("items", 1, 1, 2, 3, 4)
			test.change(in)
			_, err := c.SearchVectors(t.Context(), in)
			wantError(t, err, "ValidationException: "+test.want)
		})
	}
	in := searchFor("none", 1, 1, 2, 3, 4)
	_, err := c.SearchVectors(t.Context(), in)
	wantError(t, err, "ResourceNotFoundException: Requested resource not found: Table: none not found")
}

func TestVectorWriteErrors(t *testing.T) {
	c := start(t)
	in := vectorTable("items", 3, allProjected)
	in.VectorIndexes[0].SearchSchema = []types.SearchSchemaElement{
		{AttributeName: ptr("doc"), SearchSchemaElementType: "HASH"}, {AttributeName: ptr("group"), SearchSchemaElementType: "INLINE_FILTER"}}
	create(t, c, in)
	const bad = "One or more parameter values were invalid"
	tests := []struct {
		name string
		add  attrs
		want string // "" if it is right
	}{
		{"size", attrs{"embedding": vec(1, 2)}, bad + ": Invalid size for parameter embedding, Expected: 3, Actual: 2. IndexName: near"},
		{"type", attrs{"embedding": str("x")}, bad + ": Invalid type for parameter embedding, Expected: L, Actual: S. IndexName: near"},
		{"element", attrs{"embedding": lst(num("1"), str("x"), num("2"))},
			bad + ": Invalid type for parameter embedding[1], Expected: 32-bit floating point N, Actual: {S:x}. IndexName: near"},
		{"range", attrs{"embedding": lst(num("1"), num("2"), num("1e39"))},
			bad + ": Invalid type for parameter embedding[2], Expected: 32-bit floating point N, Actual: {N:1000000000000000000000000000000000000000}. IndexName: near"},
		{"filter", attrs{"embedding": vec(1, 2, 3), "group": num("1")}, bad + ". Attribute 'group' type mismatch. Expected: S, Actual: N. IndexName: near"},
		{"hash", attrs{"embedding": vec(1, 2, 3), "doc": num("1")}, bad + ". Attribute 'doc' type mismatch. Expected: S, Actual: N. IndexName: near"},
		{"empty hash", attrs{"embedding": vec(1, 2, 3), "doc": str("")}, "One or more parameter values are not valid. A value specified for a secondary index key is not supported. " +
			"The AttributeValue for a key attribute cannot contain an empty string value. IndexName: near, IndexKey: doc"},
		{"empty hash without a vector", attrs{"doc": str("")}, "One or more parameter values are not valid. A value specified for a secondary index key is not supported. " +
			"The AttributeValue for a key attribute cannot contain an empty string value. IndexName: near, IndexKey: doc"},
		{"no hash", attrs{"embedding": vec(1, 2, 3)}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			it := attrs{"pk": str("a"), "sk": str("b")}
			for k, v := range test.add {
				it[k] = v
			}
			want := "ValidationException: " + test.want
			if test.want == "" {
				want = "<nil>"
			}
			_, err := c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: ptr("items"), Item: it})
			wantError(t, err, want)
			_, err = c.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"items": {putRequest(it)}}})
			wantError(t, err, want)
		})
	}
}

func TestSearchProjection(t *testing.T) {
	it := attrs{"pk": str("a"), "sk": str("b"), "doc": str("d"), "title": str("t"), "body": str("long"), "embedding": vec(1, 2)}
	for _, test := range []struct {
		name       string
		projection types.Projection
		expression string
		want       []string
	}{
		{"all", allProjected, "", []string{"body", "doc", "pk", "sk", "title"}},
		{"all, vector named", allProjected, "sk, embedding", []string{"embedding", "sk"}},
		{"include", types.Projection{ProjectionType: "INCLUDE", NonKeyAttributes: []string{"title", "embedding"}}, "", []string{"doc", "pk", "sk", "title"}},
		{"include, vector named", types.Projection{ProjectionType: "INCLUDE", NonKeyAttributes: []string{"title", "embedding"}}, "embedding, body", []string{"embedding"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := start(t)
			create(t, c, vectorTable("items", 2, test.projection))
			put(t, c, "items", it)
			in := searchFor("items", 1, 1, 0)
			if test.expression != "" {
				in.ProjectionExpression = &test.expression
			}
			var got []string
			for name := range search(t, c, in)[0].Item {
				got = append(got, name)
			}
			slices.Sort(got)
			if diff := gocmp.Diff(test.want, got); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSilentlyNotIndexed: items without the vector, or without the index's
// HASH attribute, are stored but not found.
func TestSilentlyNotIndexed(t *testing.T) {
	c := start(t)
	in := vectorTable("items", 2, allProjected)
	in.VectorIndexes[0].SearchSchema = []types.SearchSchemaElement{
		{AttributeName: ptr("doc"), SearchSchemaElementType: "HASH"}, {AttributeName: ptr("group"), SearchSchemaElementType: "INLINE_FILTER"}}
	create(t, c, in)
	search := func() []string {
		in := searchFor("items", 10, 1, 0)
		in.SearchConditionExpression, in.ExpressionAttributeValues = ptr("doc = :d"), attrs{":d": str("d")}
		return found(search(t, c, in))
	}
	whole := attrs{"pk": str("a"), "sk": str("b"), "doc": str("d"), "embedding": vec(1, 0)}
	put(t, c, "items", attrs{"pk": str("a"), "sk": str("1"), "doc": str("d")})
	put(t, c, "items", attrs{"pk": str("a"), "sk": str("2"), "embedding": vec(1, 0)})
	put(t, c, "items", whole)
	if diff := gocmp.Diff([]string{"b 0"}, search()); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	_, err := c.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: ptr("items"), Key: attrs{"pk": str("a"), "sk": str("b")}, UpdateExpression: ptr("REMOVE doc")})
	if err != nil {
		t.Fatal(err)
	}
	if got := search(); got != nil {
		t.Errorf("got %v after the HASH attribute went, want nothing", got)
	}
}

// TestSearchAgainstBruteForce puts, replaces, moves and deletes at random, and
// compares every search with a plain sort.
func TestSearchAgainstBruteForce(t *testing.T) {
	const dimensions, partitions, steps = 13, 2, 5000
	random := rand.New(rand.NewPCG(1, 2))
	vector := func() []float32 {
		v := make([]float32, dimensions)
		for i := range v {
			v[i] = float32(random.NormFloat64())
		}
		return v
	}
	x := newVectorIndex(&vectorDefinition{Dimensions: dimensions, SearchSchema: []searchElement{{"f", "INLINE_FILTER"}}})
	mirror := map[itemKey]entry{}
	hash := func() string { return strconv.Itoa(random.IntN(partitions)) }
	for step := range steps {
		key := itemKey{"k", strconv.Itoa(random.IntN(1500))}
		e := entry{}
		if delete(mirror, key); random.IntN(4) > 0 {
			e = entry{vector: vector(), hash: hash(), filters: []string{strconv.Itoa(random.IntN(3))}, bytes: random.IntN(10)}
			mirror[key] = e
		}
		x.put(key, e)
		if step%100 != 99 {
			continue
		}
		query, at, k := vector(), hash(), 1+random.IntN(100)
		wanted := []string{""}
		if random.IntN(2) == 0 {
			wanted[0] = "1"
		}
		got, examined := x.nearest(query, at, wanted, k)
		want, bytes := bruteForce(mirror, query, at, wanted[0], k)
		if diff := gocmp.Diff(want, got, gocmp.AllowUnexported(hit{}, itemKey{})); diff != "" || examined != bytes {
			t.Fatalf("step %d: got %d bytes examined, want %d; hits (-want +got):\n%s", step, examined, bytes, diff)
		}
	}
	if got, _ := x.count(); got != len(mirror) {
		t.Errorf("got %d items in the index, want %d", got, len(mirror))
	}
}

func bruteForce(items map[itemKey]entry, query []float32, hash, filter string, k int) (hits []hit, bytes int) {
	hits = []hit{}
	for key, e := range items {
		if e.hash != hash {
			continue
		}
		bytes += e.bytes
		if filter == "" || filter == e.filters[0] {
			hits = append(hits, hit{key, distance(query, e.vector)})
		}
	}
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Compare(a.score, b.score) })
	return hits[:min(k, len(hits))], bytes
}

func TestKernels(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for n := range 40 {
		a, b := make([]float32, n), make([]float32, n)
		var inner float64
		for i := range a {
			a[i], b[i] = float32(random.NormFloat64()), float32(random.NormFloat64())
			inner += float64(a[i]) * float64(b[i])
		}
		if got := float64(dot(a, b)); math.Abs(got-inner) > 1e-4 {
			t.Errorf("dot of %d: got %g, want %g", n, got, inner)
		}
	}
}
