// Package server speaks the engine's protocol: JSON lines, one request a line in, one answer a line out.
//
// Requests are handled one after another; ping and cancel are answered at once.
package server

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/pharos-security/pharos/tools/internal/engine/failure"
)

// ProtocolVersion rises when an older parent could misread an answer.
const ProtocolVersion = 1

// maxLineBytes bounds a request.
const maxLineBytes = 1 << 20

// request is one line of input. Its operation's own fields are read from raw.
type request struct {
	ID  string `json:"id"`
	Op  string `json:"op"`
	raw []byte
}

// fields reads the operation's own fields; unknown ones are left to later versions.
func (r request) fields(into any) error {
	if err := json.Unmarshal(r.raw, into); err != nil {
		return failure.New(failure.BadRequest, "%s: %w", r.Op, err)
	}
	return nil
}

type answer struct {
	ID       string       `json:"id"`
	OK       bool         `json:"ok"`
	Result   any          `json:"result,omitempty"`
	Error    *answerError `json:"error,omitempty"`
	RSSBytes int64        `json:"rssBytes"`
}

type answerError struct {
	Code    failure.Code `json:"code"`
	Message string       `json:"message"`
}

type progressEvent struct {
	ID     string `json:"id"`
	Event  string `json:"event"`
	Phase  string `json:"phase"`
	Detail string `json:"detail,omitempty"`
}

// maxMessageBytes keeps an error's text, which may quote a hostile image, to what a person reads.
const maxMessageBytes = 4096

// writer writes whole lines from several goroutines.
type writer struct {
	mutex sync.Mutex
	out   io.Writer
}

func (w *writer) send(message any) error {
	line, err := json.Marshal(message)
	if err != nil {
		return err
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	_, err = w.out.Write(append(line, '\n'))
	return err
}

func (w *writer) answer(id string, result any, err error) error {
	message := answer{ID: id, OK: err == nil, Result: result, RSSBytes: residentBytes()}
	if err != nil {
		text := strings.ToValidUTF8(err.Error(), "\uFFFD")
		if len(text) > maxMessageBytes {
			text = strings.ToValidUTF8(text[:maxMessageBytes], "") + "…"
		}
		message.Result = nil
		message.Error = &answerError{Code: failure.CodeOf(err, failure.Local), Message: text}
	} else if result == nil {
		message.Result = struct{}{}
	}
	return w.send(message)
}

var errLineTooLong = errors.New("the line is longer than 1 MiB")

// readLine returns the next line. A line that is too long is skipped and reported; the next call goes on after it.
func readLine(reader *bufio.Reader) ([]byte, error) {
	var line []byte
	isTooLong := false
	for {
		part, err := reader.ReadSlice('\n')
		if len(line)+len(part) > maxLineBytes {
			isTooLong = true
			line = nil
		} else {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !(errors.Is(err, io.EOF) && (len(line) > 0 || isTooLong)):
			return nil, err
		case isTooLong:
			return nil, errLineTooLong
		default:
			return bytes.TrimSpace(line), nil
		}
	}
}

// residentBytes is the process's resident memory; 0 where the system does not tell.
func residentBytes() int64 {
	content, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(content))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
