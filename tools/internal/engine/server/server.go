package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"time"

	"github.com/pharos-security/pharos/tools/internal/engine/failure"
)

// ErrAbandoned is what Serve returns when an operation did not end after its cancellation: it still runs, so the process must end.
var ErrAbandoned = errors.New("an operation did not end after it was cancelled")

// defaultGrace is how long an operation may take to notice that its context has ended.
const defaultGrace = 5 * time.Second

// maxQueued bounds the requests that wait.
const maxQueued = 64

// Operation handles one request. progress tells the parent which phase begins.
type Operation func(ctx context.Context, fields func(into any) error, progress func(phase string)) (any, error)

// Server reads requests and answers them.
type Server struct {
	operations map[string]Operation
	output     *writer
	grace      time.Duration

	mutex sync.Mutex
	// inFlight holds the waiting and the running requests.
	inFlight map[string]context.CancelFunc
}

// New makes a server of the given operations.
func New(operations map[string]Operation, output io.Writer) *Server {
	return &Server{operations: operations, output: &writer{out: output}, grace: defaultGrace, inFlight: map[string]context.CancelFunc{}}
}

type queued struct {
	request
	ctx    context.Context
	cancel context.CancelFunc
}

// Serve handles requests until input ends or ctx does. It answers every request that it read.
func (s *Server) Serve(ctx context.Context, input io.Reader) error {
	queue := make(chan queued, maxQueued)
	readError := make(chan error, 1)
	go func() {
		readError <- s.read(ctx, input, queue)
		close(queue)
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case next, isOpen := <-queue:
			if !isOpen {
				return <-readError
			}
			if err := s.handle(next); err != nil {
				return err
			}
		}
	}
}

func (s *Server) read(ctx context.Context, input io.Reader, queue chan<- queued) error {
	reader := bufio.NewReaderSize(input, 64<<10)
	for {
		line, err := readLine(reader)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errLineTooLong):
			if err := s.output.answer("", nil, failure.Wrap(failure.BadRequest, err)); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		case len(line) == 0:
			continue
		}
		if err := s.accept(ctx, line, queue); err != nil {
			return err
		}
	}
}

// accept answers what is answered at once and queues the rest.
func (s *Server) accept(ctx context.Context, line []byte, queue chan<- queued) error {
	received := request{raw: line}
	if err := json.Unmarshal(line, &received); err != nil {
		return s.output.answer("", nil, failure.New(failure.BadRequest, "the line is not a request: %w", err))
	}
	if received.ID == "" {
		return s.output.answer("", nil, failure.New(failure.BadRequest, "the request has no id"))
	}
	switch received.Op {
	case "ping":
		return s.output.answer(received.ID, nil, nil)
	case "cancel":
		return s.cancel(received)
	}
	if _, ok := s.operations[received.Op]; !ok {
		return s.output.answer(received.ID, nil, failure.New(failure.UnknownOperation, "there is no operation %q", received.Op))
	}
	requestCtx, cancel := context.WithCancel(ctx)
	if !s.register(received.ID, cancel) {
		cancel()
		return s.output.answer(received.ID, nil, failure.New(failure.BadRequest, "a request with the id %q is not answered yet", received.ID))
	}
	select {
	case queue <- queued{received, requestCtx, cancel}:
		return nil
	default:
		s.forget(received.ID)
		cancel()
		return s.output.answer(received.ID, nil, failure.New(failure.BadRequest, "%d requests wait already", maxQueued))
	}
}

func (s *Server) cancel(received request) error {
	var fields struct {
		Target string `json:"target"`
	}
	if err := received.fields(&fields); err != nil {
		return s.output.answer(received.ID, nil, err)
	}
	s.mutex.Lock()
	cancel, isKnown := s.inFlight[fields.Target]
	s.mutex.Unlock()
	if isKnown {
		cancel()
	}
	return s.output.answer(received.ID, map[string]bool{"cancelled": isKnown}, nil)
}

func (s *Server) register(id string, cancel context.CancelFunc) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, isKnown := s.inFlight[id]; isKnown {
		return false
	}
	s.inFlight[id] = cancel
	return true
}

func (s *Server) forget(id string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.inFlight, id)
}

type outcome struct {
	result any
	err    error
}

// handle runs one request and answers it, also when it does not end.
func (s *Server) handle(next queued) error {
	defer next.cancel()
	ctx, cancel, err := withTimeout(next)
	if err != nil {
		s.forget(next.ID)
		return s.output.answer(next.ID, nil, err)
	}
	defer cancel()
	done := make(chan outcome, 1)
	go func() { done <- s.run(ctx, next.request) }()
	var ended outcome
	isAbandoned := false
	select {
	case ended = <-done:
	case <-ctx.Done():
		select {
		case ended = <-done:
		case <-time.After(s.grace):
			ended = outcome{err: failure.Wrap(failure.Cancelled, ctx.Err())}
			isAbandoned = true
		}
	}
	s.forget(next.ID)
	if err := s.output.answer(next.ID, ended.result, ended.err); err != nil {
		return err
	}
	if isAbandoned {
		return fmt.Errorf("%s %s: %w", next.Op, next.ID, ErrAbandoned)
	}
	return nil
}

// withTimeout applies timeoutMs, or cataloguerTimeoutMs, of any request.
func withTimeout(next queued) (context.Context, context.CancelFunc, error) {
	var fields struct {
		TimeoutMs           int64 `json:"timeoutMs"`
		CataloguerTimeoutMs int64 `json:"cataloguerTimeoutMs"`
	}
	if err := next.fields(&fields); err != nil {
		return nil, nil, err
	}
	timeoutMs := max(fields.TimeoutMs, fields.CataloguerTimeoutMs)
	if timeoutMs <= 0 {
		return next.ctx, func() {}, nil
	}
	ctx, cancel := context.WithTimeout(next.ctx, time.Duration(timeoutMs)*time.Millisecond)
	return ctx, cancel, nil
}

func (s *Server) run(ctx context.Context, received request) (ended outcome) {
	defer func() {
		if panicked := recover(); panicked != nil {
			code := failure.CatalogueFailed
			if received.Op == "match" {
				code = failure.MatchFailed
			}
			ended = outcome{err: failure.New(code, "panic: %v\n%s", panicked, debug.Stack())}
		}
	}()
	if err := ctx.Err(); err != nil {
		return outcome{err: failure.Wrap(failure.Cancelled, err)}
	}
	progress := func(phase string) {
		// A parent that no longer reads is noticed at the answer.
		_ = s.output.send(progressEvent{ID: received.ID, Event: "progress", Phase: phase})
	}
	result, err := s.operations[received.Op](ctx, received.fields, progress)
	return outcome{result, err}
}
