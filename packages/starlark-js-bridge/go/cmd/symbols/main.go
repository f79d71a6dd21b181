// Command symbols writes the tables of the packages that Yaegi scripts may import into the folder that it is given.
package main

import (
	"bytes"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/traefik/yaegi/extract"
)

// Nothing here reaches a file, the environment, a process or memory by address; net/http goes through the bridge's allow-list or nowhere.
var packages = strings.Fields(`
	bufio bytes container/heap container/list container/ring context
	crypto/hmac crypto/md5 crypto/sha1 crypto/sha256 crypto/sha512
	encoding/base32 encoding/base64 encoding/binary encoding/csv encoding/hex encoding/json encoding/xml
	errors fmt hash hash/adler32 hash/crc32 hash/crc64 hash/fnv hash/maphash html io log
	math math/big math/bits math/cmplx math/rand mime net/http net/netip net/url path path/filepath reflect regexp regexp/syntax
	sort strconv strings sync sync/atomic text/tabwriter text/template text/template/parse time unicode unicode/utf16 unicode/utf8
`)

var (
	registration = regexp.MustCompile(`(?s)func init\(\) \{\s*Symbols\["([^"]+)"\] = map\[string\]reflect\.Value\{(.*?)\n\t\}\n\}`)
	buildTags    = regexp.MustCompile(`(?m)^(// \+build|//go:build) .*$`)
)

func write(folder, path string) error {
	var source bytes.Buffer
	extractor := extract.Extractor{Dest: "symbols"}
	if _, err := extractor.Extract(path, "", &source); err != nil {
		return err
	}
	name := strings.ReplaceAll(path, "/", "_")
	text := buildTags.ReplaceAllString(source.String(), "")
	found := registration.FindStringSubmatch(text)
	if found == nil {
		return fmt.Errorf("the table of %s has an unknown form", path)
	}
	// The table becomes a function, called when a script imports the package.
	function := fmt.Sprintf("func init() { loaders[%q] = load_%s }\n\nfunc load_%s() (string, table) {\n\treturn %q, table{%s\n\t}\n}",
		path, name, name, found[1], found[2])
	text = strings.Replace(text, found[0], function, 1)
	formatted, err := format.Source([]byte(text))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(filepath.Join(folder, name+"_symbols.go"), formatted, 0o644)
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: symbols FOLDER")
		os.Exit(2)
	}
	for _, path := range packages {
		if err := write(os.Args[1], path); err != nil {
			fmt.Fprintln(os.Stderr, "symbols:", err)
			os.Exit(1)
		}
	}
}
