package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// connection drives a server through pipes.
type connection struct {
	t      *testing.T
	input  *io.PipeWriter
	output *bufio.Scanner
	ended  chan error
}

func connect(t *testing.T, operations map[string]Operation, grace time.Duration) *connection {
	t.Helper()
	inputReader, inputWriter := io.Pipe()
	outputReader, outputWriter := io.Pipe()
	server := New(operations, outputWriter)
	if grace > 0 {
		server.grace = grace
	}
	c := &connection{t: t, input: inputWriter, output: bufio.NewScanner(outputReader), ended: make(chan error, 1)}
	go func() {
		c.ended <- server.Serve(t.Context(), inputReader)
		outputWriter.Close()
	}()
	return c
}

func (c *connection) send(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c.input, line+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

type received struct {
	ID     string
	Event  string
	Phase  string
	OK     bool
	Result map[string]any
	Error  struct{ Code, Message string }
}

func (c *connection) receive() received {
	c.t.Helper()
	if !c.output.Scan() {
		c.t.Fatal("the output ended")
	}
	var got received
	if err := json.Unmarshal(c.output.Bytes(), &got); err != nil {
		c.t.Fatal(err)
	}
	return got
}

func (c *connection) end() error {
	c.input.Close()
	return <-c.ended
}

func echo(context.Context, func(any) error, func(string)) (any, error) {
	return map[string]string{"said": "hello"}, nil
}

// untilCancelled reports that it runs and ends with its context.
func untilCancelled(ctx context.Context, _ func(any) error, progress func(string)) (any, error) {
	progress("running")
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestARequestIsAnswered(t *testing.T) {
	c := connect(t, map[string]Operation{"echo": echo}, 0)
	c.send(`{"id":"1","op":"echo"}`)
	if got := c.receive(); got.ID != "1" || !got.OK || got.Result["said"] != "hello" {
		t.Errorf("got %+v", got)
	}
	if err := c.end(); err != nil {
		t.Error(err)
	}
}

func TestARunningRequestIsCancelledAndPingAnsweredMeanwhile(t *testing.T) {
	c := connect(t, map[string]Operation{"wait": untilCancelled, "echo": echo}, 0)
	c.send(`{"id":"1","op":"wait"}`)
	if got := c.receive(); got.Event != "progress" || got.Phase != "running" {
		t.Fatalf("got %+v", got)
	}
	c.send(`{"id":"2","op":"echo"}`)
	c.send(`{"id":"3","op":"ping"}`)
	if got := c.receive(); got.ID != "3" || !got.OK {
		t.Errorf("got %+v", got)
	}
	c.send(`{"id":"4","op":"cancel","target":"nobody"}`)
	if got := c.receive(); got.ID != "4" || got.Result["cancelled"] != false {
		t.Errorf("got %+v", got)
	}
	c.send(`{"id":"5","op":"cancel","target":"1"}`)
	byID := map[string]received{}
	for range 3 {
		got := c.receive()
		byID[got.ID] = got
	}
	if byID["5"].Result["cancelled"] != true || byID["1"].Error.Code != "cancelled" || !byID["2"].OK {
		t.Errorf("got %+v", byID)
	}
	if err := c.end(); err != nil {
		t.Error(err)
	}
}

func TestAWaitingRequestIsCancelled(t *testing.T) {
	c := connect(t, map[string]Operation{"wait": untilCancelled, "echo": echo}, 0)
	c.send(`{"id":"1","op":"wait"}`)
	c.receive()
	c.send(`{"id":"2","op":"echo"}`)
	c.send(`{"id":"3","op":"cancel","target":"2"}`)
	c.receive()
	c.send(`{"id":"4","op":"cancel","target":"1"}`)
	codes := map[string]string{}
	for range 3 {
		got := c.receive()
		codes[got.ID] = got.Error.Code
	}
	if codes["1"] != "cancelled" || codes["2"] != "cancelled" {
		t.Errorf("codes %v", codes)
	}
}

func TestATimeoutIsToldFromACancel(t *testing.T) {
	c := connect(t, map[string]Operation{"wait": untilCancelled}, 0)
	c.send(`{"id":"1","op":"wait","timeoutMs":1}`)
	got := c.receive()
	if got.Event != "" {
		got = c.receive()
	}
	if got.Error.Code != "timeout" {
		t.Errorf("got %+v", got)
	}
}

func TestAnOperationThatDoesNotEndIsAbandoned(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	c := connect(t, map[string]Operation{"hang": func(context.Context, func(any) error, func(string)) (any, error) {
		<-release
		return nil, nil
	}}, time.Millisecond)
	c.send(`{"id":"1","op":"hang","timeoutMs":1}`)
	if got := c.receive(); got.Error.Code != "timeout" {
		t.Errorf("got %+v", got)
	}
	if err := <-c.ended; !errors.Is(err, ErrAbandoned) {
		t.Errorf("ended with %v", err)
	}
}

func TestAPanicAnswersItsRequestAlone(t *testing.T) {
	c := connect(t, map[string]Operation{
		"catalogue": func(context.Context, func(any) error, func(string)) (any, error) { panic("boom") }, "echo": echo,
	}, 0)
	c.send(`{"id":"1","op":"catalogue"}`)
	if got := c.receive(); got.Error.Code != "catalogue-failed" || !strings.Contains(got.Error.Message, "boom") {
		t.Errorf("got %+v", got)
	}
	c.send(`{"id":"2","op":"echo"}`)
	if got := c.receive(); !got.OK {
		t.Errorf("got %+v", got)
	}
}

func TestLinesThatAreNoRequests(t *testing.T) {
	cases := []struct{ sentence, line, code string }{
		{"not JSON", `hello`, "bad-request"},
		{"a list", `[1]`, "bad-request"},
		{"no id", `{"op":"echo"}`, "bad-request"},
		{"an id that is a number", `{"id":1,"op":"echo"}`, "bad-request"},
		{"an unknown operation", `{"id":"1","op":"dance"}`, "unknown-operation"},
		{"a timeout that is text", `{"id":"1","op":"echo","timeoutMs":"x"}`, "bad-request"},
		{"a line over 1 MiB", `{"id":"1","op":"echo","x":"` + strings.Repeat("x", maxLineBytes) + `"}`, "bad-request"},
	}
	c := connect(t, map[string]Operation{"echo": echo}, 0)
	for _, one := range cases {
		t.Run(one.sentence, func(t *testing.T) {
			c.send(one.line)
			if got := c.receive(); got.OK || got.Error.Code != one.code {
				t.Errorf("got %+v", got)
			}
		})
	}
	c.send(`{"id":"last","op":"echo"}`)
	if got := c.receive(); !got.OK || got.ID != "last" {
		t.Errorf("got %+v", got)
	}
}

func TestTwoRequestsMayNotShareAnID(t *testing.T) {
	c := connect(t, map[string]Operation{"wait": untilCancelled}, 0)
	c.send(`{"id":"1","op":"wait"}`)
	c.receive()
	c.send(`{"id":"1","op":"wait"}`)
	if got := c.receive(); got.Error.Code != "bad-request" {
		t.Errorf("got %+v", got)
	}
	c.send(`{"id":"2","op":"cancel","target":"1"}`)
	c.receive()
	c.receive()
}

func TestRequestsBeforeTheEndOfInputAreAnswered(t *testing.T) {
	c := connect(t, map[string]Operation{"echo": echo}, 0)
	go func() {
		io.WriteString(c.input, `{"id":"1","op":"echo"}`)
		c.input.Close()
	}()
	if got := c.receive(); !got.OK {
		t.Errorf("got %+v", got)
	}
	if err := <-c.ended; err != nil {
		t.Error(err)
	}
}
