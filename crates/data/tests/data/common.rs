//! Small data sets for tests, made on the spot.
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use png::{BitDepth, ColorType};
use tempfile::TempDir;
use tunefork_data::{DataError, Fit, Opened, PrepareOptions, Source};

/// A colour JPEG of 20×24 pixels.
pub(crate) const JPEG: &[u8] = include_bytes!("images/colour.jpg");

/// A PNG file of raw samples.
pub(crate) fn png(height: u32, width: u32, colour: ColorType, depth: BitDepth, samples: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    if colour == ColorType::Indexed {
        encoder.set_palette(vec![255, 0, 0, 0, 0, 255]);
    }
    let mut writer = encoder.write_header().expect("a valid header");
    writer.write_image_data(samples).expect("as many samples as the header says");
    writer.finish().expect("writing to memory");
    file
}

/// A grey PNG of `height`×`width` pixels, all of one brightness.
pub(crate) fn flat(height: u32, width: u32, brightness: u8) -> Vec<u8> {
    let samples = vec![brightness; (height * width) as usize];
    png(height, width, ColorType::Grayscale, BitDepth::Eight, &samples)
}

/// Writes files below a folder, with the folders they need.
pub(crate) fn write_files(root: &Path, files: &[(&str, &[u8])]) {
    for (name, bytes) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

/// A tar archive; names are written as they are, however bad.
pub(crate) fn tar(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, *bytes).expect("writing to memory");
    }
    builder.into_inner().expect("writing to memory")
}

/// A zip archive; names are written as they are, however bad.
pub(crate) fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (name, bytes) in entries {
        writer.start_file(*name, options).expect("a good entry");
        writer.write_all(bytes).expect("writing to memory");
    }
    writer.finish().expect("writing to memory").into_inner()
}

/// An IDX file.
pub(crate) fn idx(sizes: &[u32], data: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, sizes.len() as u8];
    for size in sizes {
        file.extend(size.to_be_bytes());
    }
    file.extend(data);
    file
}

/// All warnings of a set, as sentences.
pub(crate) fn sentences(opened: &Opened) -> Vec<String> {
    let named = opened.warnings.named();
    assert_eq!(named.len(), opened.warnings.count());
    named.iter().map(ToString::to_string).collect()
}

/// A folder for a test's data, and one for its prepared files.
pub(crate) struct Place {
    pub data: TempDir,
    pub cache: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = || tempfile::tempdir().expect("a temporary folder");
        Self { data: folder(), cache: folder() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.data.path().join(name)
    }

    /// Writes files into the data folder.
    pub(crate) fn with(self, files: &[(&str, &[u8])]) -> Self {
        write_files(self.data.path(), files);
        self
    }

    /// Options that keep prepared files in this place.
    pub(crate) fn options(&self, size: Option<(usize, usize)>, channels: Option<usize>) -> PrepareOptions {
        PrepareOptions {
            size,
            fit: Fit::Crop,
            channels,
            cache: Some(self.cache.path().to_path_buf()),
            threads: 2,
            ..PrepareOptions::default()
        }
    }

    /// Opens the set `name` in this place.
    pub(crate) fn open(&self, name: &str, options: &PrepareOptions) -> Result<Opened, DataError> {
        Source::locate(name, Some(self.data.path()))?.open(options, &mut |_| {})
    }

    /// Opens the set `name`, which must be good, as it is.
    pub(crate) fn opened(&self, name: &str) -> Opened {
        self.open(name, &self.options(None, None)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The message of the error that opening `name` gives.
    pub(crate) fn error(&self, name: &str) -> String {
        match self.open(name, &self.options(None, None)) {
            Ok(opened) => panic!("{name} opened: {} images", opened.data.len()),
            Err(error) => error.to_string(),
        }
    }
}
