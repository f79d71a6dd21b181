package engine_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anchore/grype/grype/db/v6/installation"
	_ "github.com/glebarez/sqlite"

	"github.com/pharos-security/pharos/tools/internal/engine"
	"github.com/pharos-security/pharos/tools/internal/engine/layercache"
	"github.com/pharos-security/pharos/tools/internal/engine/server"
	"github.com/pharos-security/pharos/tools/internal/facts"
	"github.com/pharos-security/pharos/tools/internal/sampledb"
)

// process is an engine behind its protocol, in this process.
type process struct {
	t       *testing.T
	input   io.WriteCloser
	output  *bufio.Reader
	ended   chan error
	counter int
	cache   *layercache.Cache
}

func start(t *testing.T, limits layercache.Limits) *process {
	t.Helper()
	cache, err := layercache.Open(filepath.Join(t.TempDir(), "layers"), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	if limits == (layercache.Limits{}) {
		limits = layercache.Limits{LayerBytes: 1 << 30, ImageBytes: 1 << 30, Files: 100_000}
	}
	made, err := engine.New(engine.Config{Version: "test", LayerCache: cache, Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	inputReader, inputWriter := io.Pipe()
	outputReader, outputWriter := io.Pipe()
	p := &process{t: t, input: inputWriter, output: bufio.NewReaderSize(outputReader, 1<<20), ended: make(chan error, 1), cache: cache}
	go func() {
		err := server.New(made.Operations(), outputWriter).Serve(t.Context(), inputReader)
		outputWriter.Close()
		p.ended <- err
	}()
	t.Cleanup(func() {
		inputWriter.Close()
		if err := <-p.ended; err != nil {
			t.Error(err)
		}
		if err := made.Close(); err != nil {
			t.Error(err)
		}
		if err := cache.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

type reply struct {
	ID     string          `json:"id"`
	Event  string          `json:"event"`
	OK     bool            `json:"ok"`
	Result json.RawMessage `json:"result"`
	Error  struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// call sends a request and returns its answer; progress is passed over.
func (p *process) call(op string, fields map[string]any) reply {
	p.t.Helper()
	p.counter++
	message := map[string]any{"id": string(rune('a' + p.counter%26)), "op": op}
	for key, value := range fields {
		message[key] = value
	}
	line, err := json.Marshal(message)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.input.Write(append(line, '\n')); err != nil {
		p.t.Fatal(err)
	}
	for {
		line, err := p.output.ReadBytes('\n')
		if err != nil {
			p.t.Fatal(err)
		}
		var got reply
		if err := json.Unmarshal(line, &got); err != nil {
			p.t.Fatal(err)
		}
		if got.Event == "" {
			return got
		}
	}
}

// must is call for a request that has to succeed.
func (p *process) must(op string, fields map[string]any, into any) {
	p.t.Helper()
	got := p.call(op, fields)
	if !got.OK {
		p.t.Fatalf("%s: %s: %s", op, got.Error.Code, got.Error.Message)
	}
	if into != nil {
		if err := json.Unmarshal(got.Result, into); err != nil {
			p.t.Fatal(err)
		}
	}
}

// fails is call for a request that has to fail with a code.
func (p *process) fails(code, op string, fields map[string]any) string {
	p.t.Helper()
	got := p.call(op, fields)
	if got.OK || got.Error.Code != code {
		p.t.Fatalf("%s: ok=%v %s: %s; want %s", op, got.OK, got.Error.Code, got.Error.Message, code)
	}
	return got.Error.Message
}

// toolsBin finds the built scanners; a test that compares with them is skipped where they are not built.
func toolsBin(t *testing.T, name string) string {
	t.Helper()
	directory := os.Getenv("PHAROS_TOOLS_BIN")
	if directory == "" {
		directory = filepath.Join("..", "..", "..", ".pharos", "tools", "bin")
	}
	path, err := filepath.Abs(filepath.Join(directory, name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%s is not built: run node tools/build.mjs", name)
	}
	return path
}

// sampleDatabase makes a Grype database root of sample facts.
func sampleDatabase(t *testing.T, factsName string) string {
	t.Helper()
	return databaseOf(t, sampleFacts(t, factsName))
}

func sampleFacts(t *testing.T, name string) *facts.Facts {
	t.Helper()
	loaded, err := facts.Load(filepath.Join("..", "..", "facts", name))
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// caseDatabase knows, beside the sample facts, a fix that is made up: Alpine's package of a Python distribution is mended before the distribution.
func caseDatabase(t *testing.T) string {
	t.Helper()
	known := sampleFacts(t, "facts.json")
	for i := range known.Distributions {
		if known.Distributions[i].ID == "alpine" {
			known.Distributions[i].Advisories = append(known.Distributions[i].Advisories, facts.DistributionAdvisory{
				Vulnerability: "CVE-2023-32681", Package: "py3-requests", Severity: "medium", Fixed: "2.30.0-r1", FixedAt: "2023-06-01",
			})
		}
	}
	return databaseOf(t, known)
}

func databaseOf(t *testing.T, loaded *facts.Facts) string {
	t.Helper()
	written, err := sampledb.WriteGrype(loaded, sampledb.GrypeOptions{OutputDirectory: t.TempDir(), ArchiveExtension: "tar.gz"})
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	curator, err := installation.NewCurator(installation.Config{DBRootDir: root, ValidateChecksum: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := curator.Import(written.ArchivePath); err != nil {
		t.Fatal(err)
	}
	return root
}

func grypeEnvironment(databaseRoot string) []string {
	return append(os.Environ(), "GRYPE_DB_CACHE_DIR="+databaseRoot, "GRYPE_DB_AUTO_UPDATE=false", "GRYPE_CHECK_FOR_APP_UPDATE=false")
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var reader io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		reader, err = gzip.NewReader(file)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := json.NewDecoder(reader).Decode(into); err != nil {
		t.Fatal(err)
	}
}
