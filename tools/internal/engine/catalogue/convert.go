package catalogue

import (
	"bytes"
	"io"

	"github.com/anchore/syft/syft/format"
	"github.com/anchore/syft/syft/format/cyclonedxjson"
	"github.com/anchore/syft/syft/format/spdxjson"
	"github.com/anchore/syft/syft/format/syftjson"
	"github.com/anchore/syft/syft/sbom"

	"github.com/pharos-security/pharos/tools/internal/engine/failure"
	"github.com/pharos-security/pharos/tools/internal/engine/outfile"
)

// maxSBOMBytes bounds a decompressed SBOM that is read. A Debian image with 768 packages has 19 MB.
const maxSBOMBytes = 1 << 30

// ReadSBOM reads an SBOM file, compressed or not.
func ReadSBOM(path string) ([]byte, error) {
	content, err := outfile.Read(path, maxSBOMBytes)
	return content, failure.Wrap(failure.SBOMInvalid, err)
}

// Convert writes an SBOM in another format and returns the size of the file.
func Convert(sbomPath, formatName, outputPath string) (int64, error) {
	encoder, err := encoderFor(formatName)
	if err != nil {
		return 0, err
	}
	content, err := ReadSBOM(sbomPath)
	if err != nil {
		return 0, err
	}
	decoded, _, _, err := format.Decode(bytes.NewReader(content))
	if err != nil {
		return 0, failure.Wrap(failure.SBOMInvalid, err)
	}
	if decoded == nil {
		return 0, failure.New(failure.SBOMInvalid, "%s is not an SBOM of a known format", sbomPath)
	}
	size, err := outfile.Write(outputPath, func(w io.Writer) error { return encoder.Encode(w, *decoded) })
	return size, failure.Wrap(failure.SBOMInvalid, err)
}

func encoderFor(formatName string) (sbom.FormatEncoder, error) {
	switch formatName {
	case "cyclonedx-json":
		return cyclonedxjson.NewFormatEncoderWithConfig(cyclonedxjson.DefaultEncoderConfig())
	case "spdx-json":
		return spdxjson.NewFormatEncoderWithConfig(spdxjson.DefaultEncoderConfig())
	case "syft-json":
		return syftjson.NewFormatEncoder(), nil
	default:
		return nil, failure.New(failure.BadRequest, "format %q is not one of cyclonedx-json, spdx-json, syft-json", formatName)
	}
}
