package lambda

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
)

var streamCount = flag.Int("streams", 200, "how many streams TestStreamStorm runs")

// Many streams at once, whose readers leave at random, read slowly, or to the end, and whose functions fail at
// random, leave nothing behind.
func TestStreamStorm(t *testing.T) {
	const atOnce = 8
	for name, perProcess := range modes {
		t.Run(name, func(t *testing.T) {
			s := start(t, Function{Concurrency: atOnce / perProcess, PerProcess: perProcess, Wait: time.Minute}, Options{})
			wakeAll(t, s, atOnce)
			goroutines, files := countResources(s)
			turns := make(chan uint64, *streamCount)
			for seed := range *streamCount {
				turns <- uint64(seed)
			}
			close(turns)
			var all sync.WaitGroup
			for range atOnce {
				g := newGate(t)
				all.Go(func() {
					for seed := range turns {
						if err := runStream(t, s, g, rand.New(rand.NewPCG(seed, 1))); err != nil {
							t.Errorf("stream %d: %v", seed, err)
						}
					}
				})
			}
			all.Wait()
			wakeAll(t, s, atOnce)
			// What may differ does not depend on the number of streams: calls for the next invocation (two
			// goroutines each), idle connections (two a process, at both ends), and the gates.
			const few = 4 * atOnce
			eventually(t, "goroutines and files as before", func() bool {
				g, f := countResources(s)
				return g <= goroutines+few && f <= files+few
			})
		})
	}
}

// wakeAll makes all processes serve at once, so that none stays frozen with work left to do.
func wakeAll(t *testing.T, s *Service, atOnce int) {
	t.Helper()
	g := newGate(t)
	var pending []<-chan completion
	for range atOnce {
		pending = append(pending, invokeAsync(t.Context(), s, g.event()))
	}
	var inside []net.Conn
	for range atOnce {
		inside = append(inside, g.waitForHold())
	}
	for i := range atOnce {
		inside[i].Close()
	}
	for i := range atOnce {
		if end := <-pending[i]; end.err != nil {
			t.Fatal(end.err)
		}
	}
	g.Close()
}

// countResources counts goroutines and open files, with those of the functions' processes. files is 0 where there is no
// /proc.
func countResources(s *Service) (goroutines, files int) {
	pids := []int{os.Getpid()}
	for _, e := range s.Environments("f") {
		pids = append(pids, e.PID)
	}
	for _, pid := range pids {
		list, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		files += len(list)
	}
	return runtime.NumGoroutine(), files
}

// runStream runs one stream, to its end or not, and returns when its function is done with it.
func runStream(t *testing.T, s *Service, g gate, random *rand.Rand) error {
	payload, _ := json.Marshal(event{Do: "stream", Text: g.Addr().String()})
	stream, err := s.InvokeStream(t.Context(), "f", Invocation{Payload: payload})
	if err != nil {
		return err
	}
	defer stream.Close()
	conn, err := g.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))

	fails := random.IntN(4) == 0
	pieces := make([]int, random.IntN(20))
	whole := 0
	for i := range pieces {
		pieces[i] = random.IntN(64 << 10)
		whole += pieces[i]
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		for _, n := range pieces {
			if _, err := conn.Write(bytes.Repeat([]byte("."), n)); err != nil {
				return // the reader left
			}
		}
		if fails {
			io.WriteString(conn, "#")
		} else {
			conn.(*net.TCPConn).CloseWrite()
		}
	}()
	wanted := whole
	leaves := random.IntN(2) == 0
	if leaves {
		wanted = random.IntN(whole + 1)
	}
	got, err := io.CopyN(io.Discard, stream, int64(wanted))
	if err == nil && !leaves {
		_, err = stream.Read(make([]byte, 1))
	}
	stream.Close()
	failed, _ := errors.AsType[*Error](err)
	switch {
	case leaves && err != nil && failed == nil:
		return fmt.Errorf("read %d of %d: %w", got, wanted, err)
	case !leaves && !fails && (int(got) != whole || err != io.EOF):
		return fmt.Errorf("read %d of %d, %w", got, whole, err)
	case !leaves && fails && failed == nil:
		return fmt.Errorf("read %d of %d, %w, want the function's error", got, whole, err)
	}
	<-written
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		return errors.New("the function was not told")
	}
	return nil
}
