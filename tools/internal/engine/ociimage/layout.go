// Package ociimage reads an image from an OCI layout on disk, with the layers' unpacked form from the layer cache.
//
// Nothing in a layout is trusted: the digest of every blob that is read is compared with the one that names it, sizes with what the manifest
// says, and what a layer unpacks to with the image configuration and with the limits.
package ociimage

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pharos-security/pharos/tools/internal/engine/failure"
)

// maxDocumentBytes bounds a manifest, an index and an image configuration. Registries refuse manifests over 4 MiB.
const maxDocumentBytes = 8 << 20

// maxLayers is far above what a builder makes (Docker stops at 127).
const maxLayers = 2000

// document is the verified content of a manifest, its parsed form and its image configuration.
type document struct {
	digest      v1.Hash
	rawManifest []byte
	manifest    *v1.Manifest
	rawConfig   []byte
	config      *v1.ConfigFile
}

type layout struct {
	directory string
}

// load reads manifest and configuration. A digest that names an index stands for the index's image for the platform.
func (l layout) load(manifestDigest string, platform *v1.Platform) (*document, error) {
	digest, err := parseDigest(manifestDigest)
	if err != nil {
		return nil, failure.New(failure.BadRequest, "manifestDigest: %w", err)
	}
	raw, err := l.blob(digest, -1)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	mediaType, err := mediaTypeOf(raw)
	if err != nil {
		return nil, err
	}
	if mediaType.IsIndex() {
		child, err := selectPlatform(raw, platform)
		if err != nil {
			return nil, err
		}
		return l.load(child.String(), platform)
	}
	if mediaType != "" && mediaType != types.OCIManifestSchema1 && mediaType != types.DockerManifestSchema2 {
		return nil, failure.New(failure.ImageUnsupported, "manifest %s has the media type %q, which is not an image's", digest, mediaType)
	}
	return l.loadImage(digest, raw)
}

func (l layout) loadImage(digest v1.Hash, raw []byte) (*document, error) {
	manifest, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, failure.New(failure.ImageCorrupt, "manifest %s: %w", digest, err)
	}
	switch manifest.Config.MediaType {
	case types.OCIConfigJSON, types.DockerConfigJSON, "":
	default:
		return nil, failure.New(failure.ImageUnsupported, "manifest %s has a configuration of the media type %q: it is not a container image", digest, manifest.Config.MediaType)
	}
	if len(manifest.Layers) > maxLayers {
		return nil, failure.New(failure.ImageTooLarge, "the image has %d layers, more than %d", len(manifest.Layers), maxLayers)
	}
	rawConfig, err := l.blob(manifest.Config.Digest, manifest.Config.Size)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	config, err := v1.ParseConfigFile(bytes.NewReader(rawConfig))
	if err != nil {
		return nil, failure.New(failure.ImageCorrupt, "configuration %s: %w", manifest.Config.Digest, err)
	}
	if config.OS != "" && config.OS != "linux" {
		return nil, failure.New(failure.ImageUnsupported, "the image is for %q; images for linux can be scanned", config.OS)
	}
	if len(config.RootFS.DiffIDs) != len(manifest.Layers) {
		return nil, failure.New(failure.ImageCorrupt, "the manifest lists %d layers, the configuration %d", len(manifest.Layers), len(config.RootFS.DiffIDs))
	}
	for _, diffID := range config.RootFS.DiffIDs {
		if _, err := parseDigest(diffID.String()); err != nil {
			return nil, failure.New(failure.ImageCorrupt, "configuration: diff id: %w", err)
		}
	}
	return &document{digest: digest, rawManifest: raw, manifest: manifest, rawConfig: rawConfig, config: config}, nil
}

// blob reads a small blob whole and verifies it. A negative size is not compared.
func (l layout) blob(digest v1.Hash, size int64) ([]byte, error) {
	file, err := l.open(digest, size)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxDocumentBytes+1))
	if err != nil {
		return nil, failure.Wrap(failure.Local, err)
	}
	if len(content) > maxDocumentBytes {
		return nil, failure.New(failure.ImageTooLarge, "blob %s has more than %d bytes", digest, maxDocumentBytes)
	}
	if got := sha256.Sum256(content); hex.EncodeToString(got[:]) != digest.Hex {
		return nil, failure.New(failure.ImageCorrupt, "blob %s has the digest sha256:%x", digest, got)
	}
	return content, nil
}

// open opens a blob, which may be a link into a cache, and compares its size with what is expected.
func (l layout) open(digest v1.Hash, size int64) (*os.File, error) {
	if _, err := parseDigest(digest.String()); err != nil {
		return nil, failure.New(failure.ImageCorrupt, "%w", err)
	}
	file, err := os.Open(filepath.Join(l.directory, "blobs", digest.Algorithm, digest.Hex))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, failure.New(failure.ImageCorrupt, "blob %s is not in the layout", digest)
	}
	if err != nil {
		return nil, failure.Wrap(failure.Local, err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(failure.Wrap(failure.Local, err), file.Close())
	}
	if !info.Mode().IsRegular() {
		return nil, errors.Join(failure.New(failure.ImageCorrupt, "blob %s is not a file", digest), file.Close())
	}
	if size >= 0 && info.Size() != size {
		return nil, errors.Join(failure.New(failure.ImageCorrupt, "blob %s has %d bytes, the manifest says %d", digest, info.Size(), size), file.Close())
	}
	return file, nil
}

// parseDigest takes sha256 digests alone: the digest becomes a path, and no other algorithm is in use.
func parseDigest(text string) (v1.Hash, error) {
	digest, err := v1.NewHash(text)
	if err != nil {
		return v1.Hash{}, err
	}
	if digest.Algorithm != "sha256" {
		return v1.Hash{}, fmt.Errorf("digest %q is not a sha256 digest", text)
	}
	return digest, nil
}

// mediaTypeOf is what the document says of itself. OCI makes the field optional, then its content tells an index from a manifest.
func mediaTypeOf(raw []byte) (types.MediaType, error) {
	var head struct {
		SchemaVersion int             `json:"schemaVersion"`
		MediaType     types.MediaType `json:"mediaType"`
		Manifests     json.RawMessage `json:"manifests"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return "", failure.New(failure.ImageCorrupt, "manifest: %w", err)
	}
	if head.SchemaVersion == 1 {
		return "", failure.New(failure.ImageUnsupported, "manifests of schema version 1 are not supported")
	}
	if head.MediaType == "" && head.Manifests != nil {
		return types.OCIImageIndex, nil
	}
	return head.MediaType, nil
}

// selectPlatform finds the one image of an index for a platform, linux/amd64 unless another is asked for.
func selectPlatform(raw []byte, platform *v1.Platform) (v1.Hash, error) {
	index, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	if err != nil {
		return v1.Hash{}, failure.New(failure.ImageCorrupt, "index: %w", err)
	}
	if platform == nil {
		platform = &v1.Platform{OS: "linux", Architecture: "amd64"}
	}
	for _, candidate := range index.Manifests {
		if candidate.MediaType.IsImage() && candidate.Platform != nil && candidate.Platform.Satisfies(*platform) {
			return candidate.Digest, nil
		}
	}
	return v1.Hash{}, failure.New(failure.ImageUnsupported, "the index has no image for %s", platform)
}
