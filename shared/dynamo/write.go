package dynamo

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"ragtime/shared/fault"
	"ragtime/shared/rag"
)

// keepForTakingBack is what a put keeps of its time for taking its chunks back
// if it fails, and a quarter of it at the most.
const keepForTakingBack = 2 * time.Second

// sweepTime is what a sweep may take after a put that is made, or a read.
const sweepTime = time.Second

// Latest implements rag.Writer.
func (t *Table) Latest(ctx context.Context, tenant, id string) (rag.Document, string, error) {
	if err := t.claimSpace(ctx); err != nil {
		return rag.Document{}, "", err
	}
	s, err := t.state(ctx, tenant, id)
	if err != nil || s.item == nil {
		return rag.Document{}, "", err
	}
	if s.status() != ready {
		return rag.Document{}, s.latest(), nil
	}
	return t.inline.known(s.item, document(s.item)), s.latest(), nil
}

// Embeddings implements rag.Writer.
func (t *Table) Embeddings(ctx context.Context, tenant, id, version string) (map[string][]float32, error) {
	out := map[string][]float32{}
	err := t.query(ctx, &dynamodb.QueryInput{
		KeyConditionExpression:    aws.String("#pk = :pk AND begins_with(#sk, :prefix)"),
		ProjectionExpression:      aws.String("#hash, #embedding"),
		ExpressionAttributeNames:  map[string]string{"#pk": "pk", "#sk": "sk", "#hash": "hash", "#embedding": "embedding"},
		ExpressionAttributeValues: item{":pk": str(chunkPartition(tenant, id)), ":prefix": str(version + "#")},
		ConsistentRead:            aws.Bool(true),
	}, func(i item) (_ bool, err error) {
		out[text(i, "hash")], err = vector(i["embedding"])
		return true, err
	})
	return out, err
}

// Replace implements rag.Writer. Once it returned nil the version is current.
func (t *Table) Replace(ctx context.Context, tenant string, d rag.Document, chunks []rag.Chunk) error {
	end := endOf(ctx)
	p := put{t, tenant, d, end, entry{overAt(end), d.Version, tenant, d.ID}, make([]types.WriteRequest, len(chunks))}
	for i, c := range chunks {
		written := chunkItem(tenant, d, c)
		t.inline.label(written, d.Metadata)
		p.writes[i].PutRequest = &types.PutRequest{Item: written}
	}
	if err := t.claimSpace(ctx); err != nil {
		return err
	}
	if err := t.enter(ctx, p.entry); err != nil {
		return err
	}
	if err := p.mark(ctx); err != nil {
		return err
	}
	after, err := p.write(ctx)
	if err != nil {
		return p.fail(ctx, err)
	}
	p.tidy(ctx, after)
	t.settleDue(ctx)
	return nil
}

// endOf is when an operation is over by every function's clock.
func endOf(ctx context.Context) time.Time {
	if deadline, ok := ctx.Deadline(); ok {
		return deadline.Add(skew)
	}
	return time.Now().Add(linger)
}

// overAt is when nothing of an operation can take effect any more, in Unix seconds.
func overAt(end time.Time) int64 { return end.Add(linger).Unix() + 1 }

// put is a replacement under way.
type put struct {
	table  *Table
	tenant string
	d      rag.Document
	end    time.Time // when it is over by every function's clock
	entry  entry
	writes []types.WriteRequest
}

// mark notes in the document item that the version is being put. It is refused
// where a later version is current or was deleted, or this one was put out before.
func (p put) mark(ctx context.Context) error {
	c := newChange(p.tenant, p.d.ID)
	c.assign(putMark+p.d.Version, num(p.end.Unix()+1))
	c.drop("expires_at") // an item that expired now would take the mark with it
	c.assignOr("status", "status", str(begun))
	c.assignOr("document_id", "document_id", str(p.d.ID))
	s, err := p.table.update(ctx, c.when(c.before(p.d.Version), c.lacks(outMark+p.d.Version)))
	if f := fault.From(err); f != nil && f.Kind == fault.Conflict {
		if s.version() == p.d.Version {
			return nil // this very version was put before: its chunks may be written again
		}
		return overtaken(err)
	}
	return err
}

// write writes the chunks and makes the version current. It keeps some of the time
// for taking them back.
func (p put) write(ctx context.Context) (state, error) {
	if end, ok := ctx.Deadline(); ok {
		left := time.Until(end)
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, left-min(keepForTakingBack, left/4),
			&fault.Error{Kind: fault.Timeout, Step: fault.StepStore, Detail: "the chunks could not all be written in time"})
		defer cancel()
	}
	if err := p.table.batch(ctx, p.writes); err != nil {
		return state{}, err
	}
	c := newChange(p.tenant, p.d.ID)
	c.replace(p.d.Version)
	c.assign("status", str(ready))
	for name, v := range described(p.d) {
		c.assign(name, v)
	}
	if p.d.Collection == "" {
		c.drop("collection")
	}
	if keys := p.table.inline.name(); keys != "" {
		c.assign("filter_keys", str(keys))
	} else {
		c.drop("filter_keys")
	}
	c.drop(putMark+p.d.Version, "expires_at")
	s, err := p.table.update(ctx, c.when(c.before(p.d.Version), c.has(putMark+p.d.Version)))
	if f := fault.From(err); f != nil && f.Kind == fault.Conflict {
		if s.version() == p.d.Version {
			return s, nil // an attempt whose answer was lost has done it
		}
		return s, overtaken(err)
	}
	return s, err
}

func overtaken(cause error) error {
	return &fault.Error{Kind: fault.Conflict, Detail: "the document was replaced or deleted by a later request meanwhile", Cause: cause}
}

// fail ends a put that could not be made, for the reason why. Whether it was made
// all the same is asked of the item, never guessed: only when the version is put
// out, or was overtaken, are the chunks taken back. It returns nil if it was made.
func (p put) fail(ctx context.Context, why error) error {
	if fault.From(why).Kind != fault.Conflict {
		s, err := p.table.putOut(ctx, p.tenant, p.d.ID, p.d.Version)
		if err != nil { // it may be current, now or in a moment: whoever reads it next will know
			return why
		}
		if s.version() == p.d.Version {
			return nil
		}
	}
	back := make([]types.WriteRequest, len(p.writes))
	for i, w := range p.writes {
		back[i].DeleteRequest = &types.DeleteRequest{Key: item{"pk": w.PutRequest.Item["pk"], "sk": w.PutRequest.Item["sk"]}}
	}
	if err := p.table.batch(ctx, back); err != nil {
		slog.WarnContext(ctx, "chunks of a put that failed are left for a later read or write to delete",
			"document_id", p.d.ID, "error", fault.From(err).Detail)
		return why
	}
	return why
}

// tidy deletes what a put that is made left of earlier versions. It is invisible
// by now, and who comes later deletes what this leaves: so it is brief, and its
// failure fails nothing.
func (p put) tidy(ctx context.Context, after state) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	var err error
	if after.replaced() != "" || !after.lone() {
		err = p.table.repair(ctx, p.tenant, p.d.ID, after)
	}
	if err == nil && ripe(after.replaced(), time.Now()) {
		err = p.table.cross(ctx, p.entry)
	}
	if err != nil {
		warnOfLeftOvers(ctx, p.d.ID, err)
	}
}

// putOut sees to it that a marked version never becomes current. What has no mark is
// current, overtaken or out. It gives the item as it is then.
func (t *Table) putOut(ctx context.Context, tenant, id, version string) (state, error) {
	c := newChange(tenant, id)
	c.assign(outMark+version, num(time.Now().Add(linger).Unix()))
	c.drop(putMark + version)
	s, err := t.update(ctx, c.when(c.has(putMark+version)))
	if f := fault.From(err); f != nil && f.Kind == fault.Conflict {
		return s, nil
	}
	return s, err
}

// Delete implements rag.Writer. Where there never was a document nothing is
// written; a put that began before is put out by the tombstone, which is later.
// That takes a new tombstone where a put is marked: its switch may be on its way,
// also when the put has failed.
func (t *Table) Delete(ctx context.Context, tenant, id string) error {
	s, err := t.state(ctx, tenant, id)
	if err != nil || s.item == nil {
		return err
	}
	var e entry // of the tombstone
	if s.status() != deleted || len(s.marks(putMark)) > 0 {
		e = entry{overAt(endOf(ctx)), rag.NewVersion(s.latest()), tenant, id}
		if err := t.enter(ctx, e); err != nil {
			return err
		}
		if s, err = t.bury(ctx, e, s); err != nil {
			return err
		}
	}
	if err := t.sweep(ctx, tenant, id, s, ""); err != nil {
		return err
	}
	if e.version != "" && ripe(s.replaced(), time.Now()) {
		if err := t.cross(ctx, e); err != nil {
			warnOfLeftOvers(ctx, id, err)
		}
	}
	t.settleDue(ctx)
	return nil
}

// bury writes the tombstone.
func (t *Table) bury(ctx context.Context, e entry, s state) (state, error) {
	c := newChange(e.tenant, e.id)
	c.replace(e.version)
	c.assign("status", str(deleted))
	c.assign("document_id", str(e.id))
	c.assign("expires_at", num(time.Now().Add(tombstone).Unix()))
	c.drop(describing...)
	for _, kind := range []string{putMark, outMark} {
		for v := range s.marks(kind) {
			c.drop(kind + v) // all earlier than the tombstone
		}
	}
	after, err := t.update(ctx, c.when(c.before(e.version)))
	if f := fault.From(err); f != nil && f.Kind == fault.Conflict {
		if after.status() == deleted {
			return after, nil // an attempt whose answer was lost has done it, or a later delete
		}
		return after, overtaken(err)
	}
	return after, err
}
