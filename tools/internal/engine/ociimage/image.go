package ociimage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/stereoscope/pkg/image"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pharos-security/pharos/tools/internal/engine/failure"
	"github.com/pharos-security/pharos/tools/internal/engine/layercache"
)

// Request names an image of a layout.
type Request struct {
	Layout         string
	ManifestDigest string
	// Platform picks from an index, like linux/arm64; empty means linux/amd64.
	Platform string
	// Reference is what the user asked for; it becomes the image's name in reports.
	Reference string
}

// LayerInfo is one layer of an image, as an engine reports it.
type LayerInfo struct {
	Digest    string `json:"digest"`
	DiffID    string `json:"diffId"`
	SizeBytes int64  `json:"sizeBytes"`
	IsCached  bool   `json:"isCached"`
}

// Image is an image that is unpacked and read. Close releases its layers.
type Image struct {
	*image.Image
	Layers         []LayerInfo
	ManifestDigest string
	ConfigDigest   string
	view           *layercache.View
}

// Open verifies an image, unpacks what the cache does not hold, and indexes it.
func Open(ctx context.Context, cache *layercache.Cache, limits layercache.Limits, request Request) (opened *Image, err error) {
	platform, err := parsePlatform(request.Platform)
	if err != nil {
		return nil, err
	}
	place := layout{directory: request.Layout}
	found, err := place.load(request.ManifestDigest, platform)
	if err != nil {
		return nil, err
	}
	view, err := cache.NewView()
	if err != nil {
		return nil, failure.Wrap(failure.Local, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, view.Close())
		}
	}()
	layers, infos, err := unpackLayers(ctx, place, found, view, limits)
	if err != nil {
		return nil, err
	}
	source := &cachedImage{document: found, layers: layers}
	read := image.New(source, file.NewTempDirGenerator("pharos-engine"), view.Directory, metadata(found, request.Reference)...)
	// Only the squashed tree of the whole image is searched, so those of the lower layers need not be built.
	if err := read.Read(image.WithLazyLayerSquashes(ctx)); err != nil {
		return nil, errors.Join(failure.Wrap(failure.ImageCorrupt, err), read.Cleanup())
	}
	return &Image{
		Image:          read,
		Layers:         infos,
		ManifestDigest: found.digest.String(),
		ConfigDigest:   found.manifest.Config.Digest.String(),
		view:           view,
	}, nil
}

// Close releases the image's files.
func (i *Image) Close() error {
	return errors.Join(i.Cleanup(), i.view.Close())
}

func unpackLayers(ctx context.Context, place layout, found *document, view *layercache.View, limits layercache.Limits) ([]v1.Layer, []LayerInfo, error) {
	var layers []v1.Layer
	infos := []LayerInfo{}
	remainingBytes, remainingFiles := limits.ImageBytes, limits.Files
	for index, descriptor := range found.manifest.Layers {
		diffID := found.config.RootFS.DiffIDs[index]
		if err := checkLayerType(descriptor); err != nil {
			return nil, nil, err
		}
		blob := layerBlob{layout: place, descriptor: descriptor, diffID: diffID, maxBytes: min(limits.LayerBytes, remainingBytes), maxFiles: remainingFiles}
		// Stereoscope looks for an unpacked layer under this name in its content directory before it unpacks one itself.
		linkName := fmt.Sprintf("%d-%s-%s", index, diffID.Algorithm, diffID.Hex)
		unpacked, err := view.Layer(ctx, diffID.Hex, linkName, blob.unpack)
		if err != nil {
			return nil, nil, failure.Wrap(failure.Local, err)
		}
		remainingBytes -= unpacked.SizeBytes
		remainingFiles -= unpacked.Files
		if remainingBytes < 0 || remainingFiles < 0 || unpacked.SizeBytes > limits.LayerBytes {
			return nil, nil, failure.New(failure.ImageTooLarge, "the image unpacks to more than allowed at layer %s", descriptor.Digest)
		}
		layers = append(layers, &cachedLayer{descriptor: descriptor, diffID: diffID, path: unpacked.Path})
		infos = append(infos, LayerInfo{Digest: descriptor.Digest.String(), DiffID: diffID.String(), SizeBytes: unpacked.SizeBytes, IsCached: unpacked.IsCached})
	}
	return layers, infos, nil
}

func checkLayerType(descriptor v1.Descriptor) error {
	switch descriptor.MediaType {
	case types.OCILayer, types.OCIUncompressedLayer, types.OCILayerZStd, types.DockerLayer, types.DockerUncompressedLayer,
		types.OCIRestrictedLayer, types.OCIUncompressedRestrictedLayer, types.DockerForeignLayer,
		image.BuildKitZstdCompressedLayer, image.BuildKitZstdCompressedLayerAlt:
		return nil
	default:
		return failure.New(failure.ImageUnsupported, "layer %s has the media type %q", descriptor.Digest, descriptor.MediaType)
	}
}

// metadata describes the image as Stereoscope's own registry source does.
func metadata(found *document, reference string) []image.AdditionalMetadata {
	described := []image.AdditionalMetadata{image.WithManifest(found.rawManifest), image.WithManifestDigest(found.digest.String())}
	if parsed, err := name.ParseReference(reference); err == nil {
		repository := parsed.Context()
		described = append(described, image.WithRepoDigests(fmt.Sprintf("%s/%s@%s", repository.RegistryStr(), repository.RepositoryStr(), found.digest)))
	}
	return described
}

func parsePlatform(text string) (*v1.Platform, error) {
	if text == "" {
		return nil, nil
	}
	platform, err := v1.ParsePlatform(text)
	if err != nil || strings.Count(text, "/") == 0 {
		return nil, failure.New(failure.BadRequest, "platform %q is not of the form os/architecture[/variant]", text)
	}
	return platform, nil
}

// cachedImage is what Stereoscope reads: the verified documents, and layers that are unpacked already.
type cachedImage struct {
	document *document
	layers   []v1.Layer
}

var _ v1.Image = (*cachedImage)(nil)

func (i *cachedImage) Layers() ([]v1.Layer, error)               { return i.layers, nil }
func (i *cachedImage) MediaType() (types.MediaType, error)       { return manifestMediaType(i.document), nil }
func (i *cachedImage) Size() (int64, error)                      { return int64(len(i.document.rawManifest)), nil }
func (i *cachedImage) ConfigName() (v1.Hash, error)              { return i.document.manifest.Config.Digest, nil }
func (i *cachedImage) ConfigFile() (*v1.ConfigFile, error)       { return i.document.config, nil }
func (i *cachedImage) RawConfigFile() ([]byte, error)            { return i.document.rawConfig, nil }
func (i *cachedImage) Digest() (v1.Hash, error)                  { return i.document.digest, nil }
func (i *cachedImage) Manifest() (*v1.Manifest, error)           { return i.document.manifest, nil }
func (i *cachedImage) RawManifest() ([]byte, error)              { return i.document.rawManifest, nil }
func (i *cachedImage) LayerByDigest(h v1.Hash) (v1.Layer, error) { return i.find(h, v1.Layer.Digest) }
func (i *cachedImage) LayerByDiffID(h v1.Hash) (v1.Layer, error) { return i.find(h, v1.Layer.DiffID) }

func (i *cachedImage) find(wanted v1.Hash, key func(v1.Layer) (v1.Hash, error)) (v1.Layer, error) {
	for _, layer := range i.layers {
		if got, err := key(layer); err == nil && got == wanted {
			return layer, nil
		}
	}
	return nil, fmt.Errorf("no layer %s", wanted)
}

func manifestMediaType(found *document) types.MediaType {
	if found.manifest.MediaType == "" {
		return types.OCIManifestSchema1
	}
	return found.manifest.MediaType
}

type cachedLayer struct {
	descriptor v1.Descriptor
	diffID     v1.Hash
	path       string
}

var _ v1.Layer = (*cachedLayer)(nil)

func (l *cachedLayer) Digest() (v1.Hash, error)             { return l.descriptor.Digest, nil }
func (l *cachedLayer) DiffID() (v1.Hash, error)             { return l.diffID, nil }
func (l *cachedLayer) Size() (int64, error)                 { return l.descriptor.Size, nil }
func (l *cachedLayer) MediaType() (types.MediaType, error)  { return l.descriptor.MediaType, nil }
func (l *cachedLayer) Uncompressed() (io.ReadCloser, error) { return os.Open(l.path) }
func (l *cachedLayer) Compressed() (io.ReadCloser, error) {
	return nil, fmt.Errorf("layer %s is kept unpacked only", l.descriptor.Digest)
}

// Descriptor lets go-containerregistry find the layer's descriptor without the blob.
func (l *cachedLayer) Descriptor() (*v1.Descriptor, error) { return &l.descriptor, nil }
