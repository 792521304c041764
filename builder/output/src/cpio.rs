//! The root file system as an initramfs, `NAME-ARCH.initrd.zst`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use flate2::GzBuilder;
use liblzma::stream::{Check, Stream};
use liblzma::write::XzEncoder;
use rootsmith_profile::{Cpio, CpioCompression};
use rootsmith_tree::{Blobs, Tree};
use rootsmith_types::{NumBytes, Sha256Digest, Sha256Writer};

use crate::OutputError;
use crate::tar::LEVEL;

/// The presets of `gzip` and `xz`.
const PRESET: u32 = 6;
/// So much of headers and small files goes to an encoder at once.
const PIECE: usize = 256 << 10;

/// Writes the tree as a compressed cpio to `file` (empty, at `path`); `workers` threads may help, and change nothing.
pub fn write_cpio(
    cpio: &Cpio,
    tree: &Tree,
    blobs: &dyn Blobs,
    workers: u32,
    file: &File,
    path: &Path,
) -> Result<(NumBytes, Sha256Digest), OutputError> {
    let failed = |error| OutputError::io(path, "write", NumBytes::new(0))(error);
    let mut out = Sha256Writer::new(BufWriter::with_capacity(1 << 20, file));
    compressed(cpio.compression.value, tree, blobs, workers, &mut out).map_err(failed)?;
    let (buffered, digest, size) = out.finish();
    buffered.into_inner().map_err(|error| failed(error.into_error()))?;
    Ok((NumBytes::new(size), digest))
}

fn compressed(
    compression: CpioCompression,
    tree: &Tree,
    blobs: &dyn Blobs,
    workers: u32,
    out: &mut dyn Write,
) -> io::Result<()> {
    let write = |out: &mut dyn Write| {
        let mut buffered = BufWriter::with_capacity(PIECE, out);
        rootsmith_cpio::write(tree, blobs, &mut buffered)?;
        buffered.flush()
    };
    match compression {
        // Its window of 2 MiB is far below the 128 MiB that the kernel goes along with.
        CpioCompression::Zstd => rootsmith_tar::compress(out, LEVEL, workers, write),
        CpioCompression::Xz => {
            // The kernel knows no checksum but this one (lib/xz/xz_dec_stream.c).
            let stream = Stream::new_easy_encoder(PRESET, Check::Crc32)?;
            let mut encoder = XzEncoder::new_stream(out, stream);
            write(&mut encoder)?;
            encoder.finish().map(drop)
        }
        CpioCompression::Gzip => {
            // Without a name or a time.
            let mut encoder = GzBuilder::new().write(out, flate2::Compression::new(PRESET));
            write(&mut encoder)?;
            encoder.finish().map(drop)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use rootsmith_tree::{Content, Metadata, NoBlobs, Node};
    use rootsmith_types::TreePath;

    use super::*;

    #[test]
    fn every_compression_gives_back_the_archive_whoever_helped() {
        let mut tree = Tree::new(Metadata::root(0o755, 0));
        let node = Node::file(Content::inline(b"some text ".repeat(100_000)), Metadata::root(0o644, 0));
        tree.insert(&TreePath::literal("/text"), node).unwrap();
        let mut plain = Vec::new();
        rootsmith_cpio::write(&tree, &NoBlobs, &mut plain).unwrap();
        for compression in CpioCompression::ALL {
            let packed = [1, 2].map(|workers| {
                let mut out = Vec::new();
                compressed(compression, &tree, &NoBlobs, workers, &mut out).unwrap();
                out
            });
            assert!(packed[0] == packed[1], "{compression:?}");
            let mut found = Vec::new();
            match compression {
                CpioCompression::Zstd => zstd::Decoder::new(&packed[0][..]).unwrap().read_to_end(&mut found),
                CpioCompression::Xz => liblzma::read::XzDecoder::new(&packed[0][..]).read_to_end(&mut found),
                CpioCompression::Gzip => flate2::read::GzDecoder::new(&packed[0][..]).read_to_end(&mut found),
            }
            .unwrap();
            assert!(found == plain, "{compression:?}");
            // .xz format, 2.1.1.2: the check of a stream is the eighth byte; 1 is CRC32.
            assert!(compression != CpioCompression::Xz || packed[0][7] == 1);
        }
    }
}
