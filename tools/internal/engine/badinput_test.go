package engine_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/pharos-security/pharos/tools/internal/engine/layercache"
	"github.com/pharos-security/pharos/tools/internal/testimage"
)

func TestBadImagesAreRefusedByName(t *testing.T) {
	plain := testimage.Tar(t, testimage.OldAlpine())
	raw := func(changes *testimage.Changes, contents ...[]byte) testimage.Image {
		return testimage.WriteRaw(t, contents, changes)
	}
	replace := func(path string, content []byte) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cases := []struct {
		sentence, code, message string
		make                    func() testimage.Image
	}{
		{"a layer whose blob was changed, its length kept", "image-corrupt", "digest", func() testimage.Image {
			image := raw(nil, plain)
			blob := testimage.Gzip(plain)
			blob[len(blob)-1] ^= 1
			replace(image.Blob(image.LayerDigests[0]), blob)
			return image
		}},
		{"a layer that was cut off", "image-corrupt", "bytes, the manifest says", func() testimage.Image {
			image := raw(nil, plain)
			replace(image.Blob(image.LayerDigests[0]), testimage.Gzip(plain)[:100])
			return image
		}},
		{"a layer that was cut off before it was pushed", "image-corrupt", "unexpected EOF", func() testimage.Image {
			return raw(&testimage.Changes{Compress: func(c []byte) []byte { return testimage.Gzip(c)[:100] }}, plain)
		}},
		{"a tar that ends in the middle of a file", "image-corrupt", "unexpected EOF", func() testimage.Image { return raw(nil, plain[:2700]) }},
		{"a layer that is no tar", "image-corrupt", "invalid tar header", func() testimage.Image { return raw(nil, []byte(strings.Repeat("no tar at all ", 100))) }},
		{"a layer that is missing", "image-corrupt", "not in the layout", func() testimage.Image {
			image := raw(nil, plain)
			if err := os.Remove(image.Blob(image.LayerDigests[0])); err != nil {
				t.Fatal(err)
			}
			return image
		}},
		{"a configuration that lies about the content", "image-corrupt", "the configuration says", func() testimage.Image {
			return raw(&testimage.Changes{DiffID: func([]byte) string { return testimage.Digest([]byte("other")) }}, plain)
		}},
		{"a diff id that is a path", "image-corrupt", "", func() testimage.Image {
			return raw(&testimage.Changes{DiffID: func([]byte) string { return "sha256:../../../../etc/passwd" }}, plain)
		}},
		{"a manifest that is not JSON", "image-corrupt", "manifest", func() testimage.Image {
			image := raw(nil, plain)
			content := []byte("<html>")
			replace(image.Blob(testimage.Digest(content)), content)
			image.ManifestDigest = testimage.Digest(content)
			return image
		}},
		{"a manifest of another digest", "image-corrupt", "has the digest", func() testimage.Image {
			image := raw(nil, plain)
			replace(image.Blob(image.ManifestDigest), []byte("{}"))
			return image
		}},
		{"a zstd frame that asks for a window of 2 GiB", "image-corrupt", "", func() testimage.Image {
			return raw(&testimage.Changes{Compress: func([]byte) []byte { return []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00} }}, plain)
		}},
		{"an image for Windows", "image-unsupported", "windows", func() testimage.Image { return raw(&testimage.Changes{OS: "windows"}, plain) }},
		{"a layer of an unknown media type", "image-unsupported", "media type", func() testimage.Image {
			return raw(&testimage.Changes{LayerMediaType: "application/vnd.cncf.helm.chart.content.v1.tar+gzip"}, plain)
		}},
		{"a zip bomb", "image-too-large", "unpacks to more", func() testimage.Image { return raw(nil, bomb(t, 32)) }},
		{"many layers that are too large together", "image-too-large", "unpacks to more", func() testimage.Image {
			return raw(nil, bomb(t, 5), bomb(t, 6), bomb(t, 7))
		}},
		{"a file that says it is larger than its layer", "image-too-large", "has 1099511627776 bytes", func() testimage.Image {
			var buffer bytes.Buffer
			writer := tar.NewWriter(&buffer)
			if err := writer.WriteHeader(&tar.Header{Name: "huge", Size: 1 << 40, Typeflag: tar.TypeReg}); err != nil {
				t.Fatal(err)
			}
			return raw(nil, buffer.Bytes())
		}},
		{"too many files", "image-too-large", "more entries", func() testimage.Image {
			layer := testimage.Layer{}
			for i := range 600 {
				layer["f"+strings.Repeat("x", i%50)+string(rune('a'+i%26))+strings.Repeat("y", i/50)] = testimage.File{}
			}
			if len(layer) <= 500 {
				t.Fatal("the case makes too few files")
			}
			return raw(nil, testimage.Tar(t, layer))
		}},
	}
	p := start(t, layercache.Limits{LayerBytes: 8 << 20, ImageBytes: 16 << 20, Files: 500})
	request := func(image testimage.Image) map[string]any {
		return map[string]any{"layout": image.Layout, "manifestDigest": image.ManifestDigest, "reference": "example.com/bad:1", "sbomPath": filepath.Join(t.TempDir(), "s.json")}
	}
	for _, c := range cases {
		t.Run(c.sentence, func(t *testing.T) {
			p.t = t
			message := p.fails(c.code, "catalogue", request(c.make()))
			if !strings.Contains(message, c.message) {
				t.Errorf("message %q does not say %q", message, c.message)
			}
		})
	}
	t.Run("the same engine still catalogues a good image", func(t *testing.T) {
		p.t = t
		var got struct {
			PackageCount int `json:"packageCount"`
		}
		p.must("catalogue", request(raw(nil, plain)), &got)
		if got.PackageCount != 5 {
			t.Errorf("%d packages, want 5", got.PackageCount)
		}
	})
}

// bomb is a tar of files of zeros, which compresses to nothing.
func bomb(t *testing.T, mebibytes int) []byte {
	t.Helper()
	layer := testimage.Layer{}
	for i := range mebibytes {
		layer[fmt.Sprintf("zeros-of-%d-%d", mebibytes, i)] = testimage.File{Content: string(make([]byte, 1<<20))}
	}
	return testimage.Tar(t, layer)
}

func TestOddPathsDoNotHurt(t *testing.T) {
	p := start(t, layercache.Limits{})
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	for _, header := range []tar.Header{
		{Name: "../../escape", Typeflag: tar.TypeReg},
		{Name: "/absolute", Typeflag: tar.TypeReg},
		{Name: "./a/../b//c", Typeflag: tar.TypeReg},
		{Name: "loop", Typeflag: tar.TypeSymlink, Linkname: "loop"},
		{Name: "etc", Typeflag: tar.TypeSymlink, Linkname: "/../../../etc"},
		{Name: "hard", Typeflag: tar.TypeLink, Linkname: "../../etc/passwd"},
		{Name: "dev", Typeflag: tar.TypeBlock, Devmajor: 8},
		{Name: "fifo", Typeflag: tar.TypeFifo},
		{Name: "new\nline\x01", Typeflag: tar.TypeReg},
		{Name: ".wh.", Typeflag: tar.TypeReg},
		{Name: ".wh..wh..opq", Typeflag: tar.TypeReg},
		{Name: strings.Repeat("d/", 2000) + "deep", Typeflag: tar.TypeReg},
	} {
		if err := writer.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	image := testimage.WriteRaw(t, [][]byte{testimage.Tar(t, testimage.OldAlpine()), buffer.Bytes()}, nil)
	var got struct {
		PackageCount int `json:"packageCount"`
	}
	p.must("catalogue", map[string]any{
		"layout": image.Layout, "manifestDigest": image.ManifestDigest, "reference": "x", "sbomPath": filepath.Join(t.TempDir(), "s.json"),
	}, &got)
	if _, err := os.Stat("/absolute"); err == nil {
		t.Error("a file of the image was written to this machine")
	}
}

func TestAFileThatCannotBeParsedIsNamed(t *testing.T) {
	p := start(t, layercache.Limits{})
	image := testimage.Write(t, testimage.OldAlpine(), testimage.Text(map[string]string{
		"app/node_modules/broken/package.json": `{"name": "broken", "version": `,
		"app/package-lock.json":                `{"lockfileVersion": `,
	}))
	var got struct {
		Unknowns []struct{ Path, Reason string } `json:"unknowns"`
	}
	p.must("catalogue", map[string]any{
		"layout": image.Layout, "manifestDigest": image.ManifestDigest, "reference": "x", "sbomPath": filepath.Join(t.TempDir(), "s.json"),
	}, &got)
	var paths []string
	for _, unknown := range got.Unknowns {
		paths = append(paths, unknown.Path)
	}
	if joined := strings.Join(paths, " "); !strings.Contains(joined, "/app/node_modules/broken/package.json") {
		t.Errorf("unknowns name %q", joined)
	}
}

func TestCompressionIsToldFromTheContent(t *testing.T) {
	p := start(t, layercache.Limits{})
	plain := testimage.Tar(t, testimage.OldAlpine())
	cases := map[string]func([]byte) []byte{
		"not compressed, though the media type says gzip": func(c []byte) []byte { return c },
		"two gzip streams one after the other": func(c []byte) []byte {
			return append(testimage.Gzip(c[:1000]), testimage.Gzip(c[1000:])...)
		},
		"zstd": func(c []byte) []byte {
			var buffer bytes.Buffer
			w, err := zstd.NewWriter(&buffer)
			if err != nil {
				t.Fatal(err)
			}
			w.Write(c)
			w.Close()
			return buffer.Bytes()
		},
	}
	for sentence, compress := range cases {
		t.Run(sentence, func(t *testing.T) {
			p.t = t
			image := testimage.WriteRaw(t, [][]byte{append(append([]byte{}, plain...), make([]byte, 10240)...)}, &testimage.Changes{Compress: compress})
			p.must("catalogue", map[string]any{
				"layout": image.Layout, "manifestDigest": image.ManifestDigest, "reference": "x", "sbomPath": filepath.Join(t.TempDir(), "s.json"),
			}, nil)
		})
	}
}

func TestASharedLayerIsUnpackedOnce(t *testing.T) {
	p := start(t, layercache.Limits{})
	base := testimage.OldDebian()
	for index, name := range []string{"one", "two"} {
		image := testimage.Write(t, base, testimage.Text(map[string]string{"name": name}))
		var got struct {
			Layers []struct {
				IsCached bool `json:"isCached"`
			} `json:"layers"`
		}
		p.must("catalogue", map[string]any{
			"layout": image.Layout, "manifestDigest": image.ManifestDigest, "reference": "x", "sbomPath": filepath.Join(t.TempDir(), "s.json"),
		}, &got)
		if got.Layers[0].IsCached != (index == 1) || got.Layers[1].IsCached {
			t.Errorf("image %s: cached layers are %+v", name, got.Layers)
		}
	}
}

func TestRequestsThatCannotBeServed(t *testing.T) {
	p := start(t, layercache.Limits{})
	out := filepath.Join(t.TempDir(), "out.json")
	damaged := sampleDatabase(t, "facts.json")
	path := filepath.Join(damaged, "6", "vulnerability.db")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	older := t.TempDir()
	if err := os.MkdirAll(filepath.Join(older, "5"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(older, "5", "vulnerability.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	notSBOM := filepath.Join(t.TempDir(), "x.json")
	if err := os.WriteFile(notSBOM, []byte(`{"hello": "world"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	p.fails("database-missing", "openDatabase", map[string]any{"directory": t.TempDir()})
	p.fails("database-damaged", "openDatabase", map[string]any{"directory": damaged})
	p.fails("database-unsupported", "openDatabase", map[string]any{"directory": older})
	p.fails("database-missing", "match", map[string]any{"sbomPath": notSBOM, "reportPath": out})
	p.fails("bad-request", "catalogue", map[string]any{"layout": "x"})
	p.fails("bad-request", "match", map[string]any{"reportPath": 7})
	p.fails("unknown-operation", "dance", nil)
	p.fails("bad-request", "convert", map[string]any{"sbomPath": notSBOM, "format": "csv", "outputPath": out})
	p.fails("sbom-invalid", "convert", map[string]any{"sbomPath": notSBOM, "format": "spdx-json", "outputPath": out})

	var opened struct {
		IsSample  bool `json:"isSample"`
		Providers []struct{ ID string }
	}
	p.must("openDatabase", map[string]any{"directory": sampleDatabase(t, "facts.json")}, &opened)
	if !opened.IsSample || len(opened.Providers) < 5 {
		t.Errorf("opened %+v", opened)
	}
	p.fails("sbom-invalid", "match", map[string]any{"sbomPath": notSBOM, "reportPath": out})
	p.fails("sbom-invalid", "match", map[string]any{"sbomId": "gone", "reportPath": out})
	p.fails("database-missing", "openDatabase", map[string]any{"directory": t.TempDir()})
	if _, err := os.Stat(out); err == nil {
		t.Error("a failed request left a file")
	}
}

func TestSBOMsConvert(t *testing.T) {
	p := start(t, layercache.Limits{})
	image := testimage.Write(t, testimage.OldAlpine())
	sbomPath := filepath.Join(t.TempDir(), "s.json.gz")
	p.must("catalogue", map[string]any{"layout": image.Layout, "manifestDigest": image.ManifestDigest, "reference": "example.com/a:1", "sbomPath": sbomPath}, nil)
	for format, key := range map[string]string{"cyclonedx-json": "components", "spdx-json": "packages", "syft-json": "artifacts"} {
		path := filepath.Join(t.TempDir(), "out.json")
		p.must("convert", map[string]any{"sbomPath": sbomPath, "format": format, "outputPath": path}, nil)
		var document map[string]any
		readJSON(t, path, &document)
		if list, ok := document[key].([]any); !ok || len(list) < 5 {
			t.Errorf("%s has no list %s of at least 5", format, key)
		}
	}
}

func TestATimeoutEndsARequest(t *testing.T) {
	p := start(t, layercache.Limits{})
	// The licence scanner, which every catalogue needs, takes far longer to make than this allows.
	image := testimage.Write(t, testimage.OldAlpine())
	p.fails("timeout", "catalogue", map[string]any{
		"layout": image.Layout, "manifestDigest": image.ManifestDigest, "reference": "x",
		"sbomPath": filepath.Join(t.TempDir(), "s.json"), "cataloguerTimeoutMs": 1,
	})
}
