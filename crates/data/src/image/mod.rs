//! Image files to bytes of grey or red, green, blue: JPEG, PNG, WebP, BMP, GIF, Netpbm's and (by the feature `tiff`) TIFF, told by their first bytes.
//!
//! What comes out, whatever went in: 8 bits per channel, 1 channel for grey files (with or without
//! alpha), 3 for all others. Palettes are looked up, 16-bit values keep their high byte, or as many bits less as the
//! image does not use (8, 12 or 16 hold its largest colour), CMYK and
//! YCCK are converted as in Adobe's (inverted) convention, and alpha is laid over white, as image
//! viewers show it. The orientation that EXIF or XMP says is applied. Of animations and files of several pages the first is taken.

mod alpha;
mod bmp;
mod changes;
mod depth;
mod fit;
mod gif;
mod jpeg;
mod kind;
mod netpbm;
mod orientation;
mod png;
mod png_metadata;
#[cfg_attr(not(feature = "tiff"), path = "no_tiff.rs")]
mod tiff;
mod webp;

pub use changes::Changed;
pub(crate) use changes::Changes;
pub(crate) use kind::{HEAD_BYTES, Kind};
use tunefork_names::{bytes, named_enum};

use crate::Image;

/// The largest image that is decoded, in pixels.
pub const MAX_PIXELS: u64 = 1 << 28;

/// The largest image file that is read, in bytes.
pub const MAX_FILE_BYTES: u64 = 256 << 20;

/// The smallest height and width: a line or a dot shows nothing.
pub const MIN_SIDE: usize = 2;

/// Flat pictures of so many pixels are read, however few bytes they take: 4096×4096.
const FREE_PIXELS: u64 = 1 << 24;

/// The most bytes that one byte of a deflate stream can stand for.
const DEFLATE_RATIO: usize = 1032;

/// Why bytes are no usable image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// There are no bytes.
    #[error("is empty (zero bytes)")]
    Empty,
    /// The first bytes are those of no image.
    #[error("is no image (JPEG, PNG, WebP, BMP, GIF, TIFF or PPM)")]
    Format,
    /// An image of a kind, or a variety of a kind, that is not read.
    #[error("is {0}, which is not read; convert it to JPEG or PNG")]
    Unread(String),
    /// An image of a kind that this build does not read.
    #[error("is a {kind} image, which this build does not read; build with the feature `{feature}`")]
    NotBuilt {
        /// The kind.
        kind: &'static str,
        /// The feature of this crate that reads it.
        feature: &'static str,
    },
    /// The file is larger than [`MAX_FILE_BYTES`].
    #[error("has {}; at most {} are read", bytes(*.0), bytes(MAX_FILE_BYTES))]
    FileSize(u64),
    /// Height or width is below [`MIN_SIDE`].
    #[error("is {height}x{width} pixels; at least {MIN_SIDE}x{MIN_SIDE} are needed")]
    TooSmall {
        /// Height in pixels.
        height: usize,
        /// Width in pixels.
        width: usize,
    },
    /// More pixels than [`MAX_PIXELS`], or than a file of this length can hold.
    #[error("claims {height}x{width} pixels in {}, which is refused", tunefork_names::bytes(*bytes as u64))]
    TooLarge {
        /// Height in pixels.
        height: usize,
        /// Width in pixels.
        width: usize,
        /// Length of the file.
        bytes: usize,
    },
    /// The decoder found a fault.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// The file could not be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
}

/// What an image file says of itself, before its pixels are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measures {
    /// Height in pixels, as the image is shown.
    pub height: usize,
    /// Width in pixels, as the image is shown.
    pub width: usize,
    /// 1 for grey, 3 for everything else.
    pub channels: usize,
}

/// A decoded image: rows of pixels, channels innermost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    /// height × width × channels bytes.
    pub pixels: Vec<u8>,
}

impl Picture {
    /// The picture brought to `shape`, in grey or colour as that says. Grey is ITU-R 601 luma (299 R + 587 G + 114 B); colour of a grey
    /// picture repeats it.
    #[must_use]
    pub fn fit(self, shape: Image, fit: Fit) -> Vec<u8> {
        fit::fit(self, shape, fit)
    }
}

named_enum! {
    /// How a picture of another height or width is brought to those asked for.
    #[derive(Default)]
    pub enum Fit: "fit" {
        /// Scaled, aspect kept, until it just covers the shape (for a square: until its shorter side
        /// fits), then cut to its middle.
        #[default]
        Crop = "crop",
        /// Scaled in each direction by itself: all of it is seen, but the aspect changes.
        Stretch = "stretch",
    }
}

/// The kind of an image file.
fn kind(bytes: &[u8]) -> Result<Kind, ImageError> {
    let none = if bytes.is_empty() { ImageError::Empty } else { ImageError::Format };
    Kind::of(bytes).ok_or(none)
}

/// The error of a kind that is not read.
pub(crate) fn unread(kind: &str) -> ImageError {
    ImageError::Unread(format!("an image in {kind}"))
}

/// Height, width and channels of an image file, from its header.
///
/// # Errors
/// As [`decode`], as far as the header tells.
pub fn measure(bytes: &[u8]) -> Result<Measures, ImageError> {
    guarded(|| match kind(bytes)? {
        Kind::Jpeg => jpeg::measure(bytes),
        Kind::Png => png::measure(bytes),
        Kind::WebP => webp::measure(bytes),
        Kind::Bmp => bmp::measure(bytes),
        Kind::Gif => gif::measure(bytes),
        Kind::Tiff => tiff::measure(bytes),
        Kind::Netpbm => netpbm::measure(bytes),
        Kind::Unread(kind) => Err(unread(kind)),
    })
}

/// Decodes an image file.
///
/// # Errors
/// [`ImageError`] for anything but a whole image file of reasonable size. Memory is only
/// taken in proportion to the length of `bytes`, but for flat pictures of up to 4096×4096 pixels, which some kinds hold in a few bytes.
pub fn decode(bytes: &[u8]) -> Result<Picture, ImageError> {
    decode_telling(bytes).map(|(picture, _)| picture)
}

/// The same, with what was done to the pixels that the file stores.
pub(crate) fn decode_telling(bytes: &[u8]) -> Result<(Picture, Changes), ImageError> {
    guarded(|| match kind(bytes)? {
        Kind::Jpeg => jpeg::decode(bytes),
        Kind::Png => png::decode(bytes),
        Kind::WebP => webp::decode(bytes),
        Kind::Bmp => bmp::decode(bytes),
        Kind::Gif => gif::decode(bytes),
        Kind::Tiff => tiff::decode(bytes),
        Kind::Netpbm => netpbm::decode(bytes),
        Kind::Unread(kind) => Err(unread(kind)),
    })
}

/// Runs a decoder. Decoders should not panic on damaged files, but they are large and not ours,
/// and one photo must not end a run.
fn guarded<T>(decoder: impl FnOnce() -> Result<T, ImageError>) -> Result<T, ImageError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(decoder))
        .unwrap_or_else(|_| Err(ImageError::Damaged("the decoder gave up".to_owned())))
}

/// Refuses sizes outside the limits, before memory is taken for the pixels. `per_byte`: the most
/// pixels for which one byte of a file of this kind can stand.
fn check_size(height: usize, width: usize, bytes: usize, per_byte: usize) -> Result<(), ImageError> {
    check_packed(height, width, bytes, per_byte, 0)
}

/// The same for kinds that hold flat pictures of any size in a few bytes: so many pixels are `free`.
fn check_packed(height: usize, width: usize, bytes: usize, per_byte: usize, free: u64) -> Result<(), ImageError> {
    if height < MIN_SIDE || width < MIN_SIDE {
        return Err(ImageError::TooSmall { height, width });
    }
    let pixels = height as u64 * width as u64;
    if pixels > MAX_PIXELS || pixels > free + per_byte as u64 * bytes as u64 {
        return Err(ImageError::TooLarge { height, width, bytes });
    }
    Ok(())
}

/// What decoders say of a file that ends where it should not, in lower case.
const ENDS: [&str; 8] = [
    "not enough bytes",
    "premature end",
    "exhausted data",
    "failed to fill whole buffer",
    "unexpected end of file",
    "unexpected eof",
    "truncated before the end",
    "truncated too early",
];

fn damaged(error: impl std::fmt::Display) -> ImageError {
    let text = error.to_string();
    let lower = text.to_ascii_lowercase();
    if ENDS.iter().any(|end| lower.contains(end)) {
        return ImageError::Damaged("it ends early".to_owned());
    }
    // Some decoders put some of their messages into quotes, or end them with a newline or a full stop.
    let text = text.trim_matches('"').replace("\\n", "");
    ImageError::Damaged(without_fields(text.trim().trim_end_matches('.')))
}

/// A message without the fields of the decoder's own types: `ChunkType { type: IHDR, critical: true }` is IHDR.
fn without_fields(text: &str) -> String {
    let fields = text.find(" { ").and_then(|from| Some((from, from + text[from..].find('}')?)));
    let Some((from, to)) = fields else {
        return text.to_owned();
    };
    let before = text[..from].rsplit_once(' ').map_or("", |(before, _)| before);
    let first = text[from + 3..to].split(',').next().and_then(|field| field.split_once(": "));
    let name = first.map_or("", |(_, name)| name.trim());
    [before, name, text[to + 1..].trim()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
