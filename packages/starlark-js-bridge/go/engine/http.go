package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"go.starlark.net/starlark"
)

// WebRequest is a request that a script makes. The host decides whether it may be sent.
type WebRequest struct {
	Method  string              `json:"method"`
	URL     string              `json:"url"`
	Headers map[string][]string `json:"headers,omitempty"`
	Body    []byte              `json:"body,omitempty"`
}

// WebResponse is what came back, or why nothing was sent or came.
type WebResponse struct {
	Status  int                 `json:"status"`
	Headers map[string][]string `json:"headers,omitempty"`
	Body    []byte              `json:"body,omitempty"`
	Error   string              `json:"error,omitempty"`
}

// Fetch sends a request through the host. It is set once, by the program that holds the engines.
var Fetch = func(WebRequest) WebResponse { return WebResponse{Error: "no network for this script"} }

// current is the session that runs: scripts of Go reach the network through the transport of net/http, which knows no session.
var current *session

func (s *session) fetch(request WebRequest) (WebResponse, error) {
	response := Fetch(request)
	if response.Error != "" {
		s.refused = response.Error
		return response, errors.New(response.Error)
	}
	return response, nil
}

// starlarkGet is http_get(url, headers = {}): a struct of status, headers (names in lower case) and body.
func (s *session) starlarkGet(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var address string
	headers := &starlark.Dict{}
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "url", &address, "headers?", &headers); err != nil {
		return nil, err
	}
	request := WebRequest{Method: http.MethodGet, URL: address, Headers: map[string][]string{}}
	for _, item := range headers.Items() {
		name, isName := starlark.AsString(item[0])
		value, isText := starlark.AsString(item[1])
		if !isName || !isText {
			return nil, fmt.Errorf("%s: headers must be strings", b.Name())
		}
		request.Headers[name] = []string{value}
	}
	response, err := s.fetch(request)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	received := starlark.NewDict(len(response.Headers))
	for _, name := range slices.Sorted(maps.Keys(response.Headers)) {
		_ = received.SetKey(starlark.String(strings.ToLower(name)), starlark.String(strings.Join(response.Headers[name], ", ")))
	}
	return &starlarkObject{fields: starlark.StringDict{
		"status":  starlark.MakeInt(response.Status),
		"headers": received,
		"body":    starlark.String(strings.ToValidUTF8(string(response.Body), "\uFFFD")),
	}}, nil
}

// EncodeWebRequest and DecodeWebResponse are the form in which both travel.
func EncodeWebRequest(request WebRequest) []byte {
	text, _ := json.Marshal(request)
	return text
}

// DecodeWebResponse reads the host's answer.
func DecodeWebResponse(text []byte) WebResponse {
	var response WebResponse
	if err := json.Unmarshal(text, &response); err != nil {
		return WebResponse{Error: "the host's answer is malformed"}
	}
	return response
}

// Transport is how programs of Go reach the network: net/http hands it every request, also those that follow a redirect.
type Transport struct{}

const limitBody = 1 << 20

// RoundTrip sends a request through the host.
func (Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	sent := WebRequest{Method: request.Method, URL: request.URL.String(), Headers: request.Header}
	if request.Body != nil {
		body, err := io.ReadAll(io.LimitReader(request.Body, limitBody+1))
		_ = request.Body.Close()
		if err != nil {
			return nil, err
		}
		if len(body) > limitBody {
			return nil, errors.New("the body of the request is too long")
		}
		sent.Body = body
	}
	response, err := current.fetch(sent)
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	for name, values := range response.Headers {
		header[http.CanonicalHeaderKey(name)] = values
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", response.Status, http.StatusText(response.Status)), StatusCode: response.Status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header, Request: request,
		Body: io.NopCloser(bytes.NewReader(response.Body)), ContentLength: int64(len(response.Body)),
	}, nil
}
