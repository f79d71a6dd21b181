package catalogue

import (
	"bytes"
	"testing"

	"github.com/anchore/syft/syft/format/syftjson"
	"github.com/anchore/syft/syft/sbom"
)

func TestWarningsStayInTheKeptSBOM(t *testing.T) {
	made := &sbom.SBOM{}
	keepWarnings(made, []string{"rpm-db-cataloger: entry 7 cannot be read"})
	var written bytes.Buffer
	if err := syftjson.NewFormatEncoder().Encode(&written, *made); err != nil {
		t.Fatal(err)
	}
	read, _, _, err := syftjson.NewFormatDecoder().Decode(bytes.NewReader(written.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	found := unknownsOf(read)
	if len(found) != 1 || found[0].Path != "/" || found[0].Reason != "rpm-db-cataloger: entry 7 cannot be read" {
		t.Fatalf("the kept SBOM names %v", found)
	}
}
