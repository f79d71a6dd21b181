//go:build !wasip1

// Command native runs the same engines in a process of its own: what tests compare results with, and benchmarks times. It reads jobs from
// standard input, each a count of parts and then the parts with their lengths, and answers each with a JSON line for every event.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"

	"pharos/starlark-js-bridge/engine"
)

type event struct {
	Event  string         `json:"event"`
	Chain  int            `json:"chain"`
	Line   string         `json:"line,omitempty"`
	Result *engine.Result `json:"result,omitempty"`
	Output string         `json:"output,omitempty"`
}

type host struct{ encoder *json.Encoder }

func (h host) write(e event) {
	if err := h.encoder.Encode(e); err != nil {
		panic(err)
	}
}

func (h host) Begin(int, int)               {}
func (h host) Print(chain int, line string) { h.write(event{Event: "print", Chain: chain, Line: line}) }
func (h host) Finish(chain int, result engine.Result, output []byte) {
	h.write(event{Event: "finish", Chain: chain, Result: &result, Output: string(output)})
}

func readParts(input io.Reader) ([][]byte, error) {
	var count uint32
	if err := binary.Read(input, binary.LittleEndian, &count); err != nil {
		return nil, err
	}
	parts := make([][]byte, count)
	for i := range parts {
		var size uint32
		if err := binary.Read(input, binary.LittleEndian, &size); err != nil {
			return nil, err
		}
		parts[i] = make([]byte, size)
		if _, err := io.ReadFull(input, parts[i]); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

func serve() error {
	http.DefaultTransport = engine.Transport{}
	input := bufio.NewReaderSize(os.Stdin, 1<<16)
	output := bufio.NewWriterSize(os.Stdout, 1<<16)
	encoder := json.NewEncoder(output)
	encoder.SetEscapeHTML(false)
	for {
		parts, err := readParts(input)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		job, err := engine.DecodeJob(parts[0])
		if err != nil {
			return err
		}
		h := host{encoder}
		switch job.Operation {
		case "plain":
			plain(job, parts[1], h)
		case "functions":
			functions(h)
		default:
			engine.Do(job, parts[1], parts[2:], h)
		}
		h.write(event{Event: "done"})
		if err := output.Flush(); err != nil {
			return err
		}
	}
}

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "native:", err)
		os.Exit(1)
	}
}
