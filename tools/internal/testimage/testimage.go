// Package testimage makes small OCI layouts for tests.
package testimage

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"sort"
	"testing"
)

// File is one entry of a layer. A file with a Link is a symbolic link.
type File struct {
	Content string
	Mode    int64
	Link    string
}

// Layer maps paths, without a leading slash, to entries.
type Layer map[string]File

// Text is a layer of plain files.
func Text(files map[string]string) Layer {
	layer := Layer{}
	for path, content := range files {
		layer[path] = File{Content: content}
	}
	return layer
}

// Image is a layout on disk.
type Image struct {
	Layout         string
	ManifestDigest string
	// LayerDigests are of the compressed layers, DiffIDs of their content.
	LayerDigests []string
	DiffIDs      []string
}

// Blob is the path of a blob.
func (i Image) Blob(digest string) string {
	return filepath.Join(i.Layout, "blobs", "sha256", digest[len("sha256:"):])
}

// Write makes a layout of the given layers.
func Write(t testing.TB, layers ...Layer) Image {
	t.Helper()
	var raw [][]byte
	for _, layer := range layers {
		raw = append(raw, Tar(t, layer))
	}
	return WriteRaw(t, raw, nil)
}

// Changes alters what WriteRaw would write, to make images that lie.
type Changes struct {
	// LayerMediaType and OS replace the usual ones.
	LayerMediaType string
	OS             string
	// Compress replaces gzip.
	Compress func([]byte) []byte
	// DiffID replaces the digest of a layer's content.
	DiffID func(content []byte) string
}

// WriteRaw makes a layout of uncompressed layers as they are.
func WriteRaw(t testing.TB, contents [][]byte, changes *Changes) Image {
	t.Helper()
	if changes == nil {
		changes = &Changes{}
	}
	image := Image{Layout: t.TempDir()}
	blobs := filepath.Join(image.Layout, "blobs", "sha256")
	must(t, os.MkdirAll(blobs, 0o755))
	put := func(content []byte) string {
		digest := Digest(content)
		must(t, os.WriteFile(filepath.Join(blobs, digest[len("sha256:"):]), content, 0o644))
		return digest
	}
	mediaType := "application/vnd.oci.image.layer.v1.tar+gzip"
	if changes.LayerMediaType != "" {
		mediaType = changes.LayerMediaType
	}
	descriptors := []map[string]any{}
	for _, content := range contents {
		compress := Gzip
		if changes.Compress != nil {
			compress = changes.Compress
		}
		blob := compress(content)
		digest := put(blob)
		diffID := Digest(content)
		if changes.DiffID != nil {
			diffID = changes.DiffID(content)
		}
		image.LayerDigests = append(image.LayerDigests, digest)
		image.DiffIDs = append(image.DiffIDs, diffID)
		descriptors = append(descriptors, map[string]any{"mediaType": mediaType, "digest": digest, "size": len(blob)})
	}
	osName := "linux"
	if changes.OS != "" {
		osName = changes.OS
	}
	diffIDs := append([]string{}, image.DiffIDs...)
	config := marshal(t, map[string]any{
		"architecture": "amd64", "os": osName, "config": map[string]any{}, "rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs},
	})
	manifest := marshal(t, map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": map[string]any{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": put(config), "size": len(config)},
		"layers": descriptors,
	})
	image.ManifestDigest = put(manifest)
	index := marshal(t, map[string]any{"schemaVersion": 2, "manifests": []map[string]any{{
		"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": image.ManifestDigest, "size": len(manifest),
		"platform": map[string]any{"os": osName, "architecture": "amd64"},
	}}})
	must(t, os.WriteFile(filepath.Join(image.Layout, "index.json"), index, 0o644))
	must(t, os.WriteFile(filepath.Join(image.Layout, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644))
	return image
}

// Tar is a layer's uncompressed form.
func Tar(t testing.TB, layer Layer) []byte {
	t.Helper()
	var paths []string
	for path := range layer {
		paths = append(paths, path)
	}
	sort.Strings(paths)
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	for _, path := range paths {
		file := layer[path]
		header := &tar.Header{Name: path, Mode: 0o644, Size: int64(len(file.Content)), Typeflag: tar.TypeReg}
		if file.Mode != 0 {
			header.Mode = file.Mode
		}
		if file.Link != "" {
			header.Typeflag, header.Linkname, header.Size = tar.TypeSymlink, file.Link, 0
		}
		must(t, writer.WriteHeader(header))
		if file.Link == "" {
			_, err := writer.Write([]byte(file.Content))
			must(t, err)
		}
	}
	must(t, writer.Close())
	return buffer.Bytes()
}

// Gzip compresses.
func Gzip(content []byte) []byte {
	var buffer bytes.Buffer
	writer := gzip.NewWriter(&buffer)
	writer.Write(content)
	writer.Close()
	return buffer.Bytes()
}

// Digest is the sha256 digest of content.
func Digest(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func marshal(t testing.TB, value any) []byte {
	t.Helper()
	content, err := json.Marshal(value)
	must(t, err)
	return content
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
