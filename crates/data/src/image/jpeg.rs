//! JPEG by zune-jpeg.

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::orientation::Orientation;
use super::{ImageError, Measures, Picture, check_size};

/// The most pixels that one byte can stand for: no block of 8×8 takes less than one bit.
const PIXELS_PER_BYTE: usize = 8 * 64;

type Decoder<'a> = JpegDecoder<ZCursor<&'a [u8]>>;

/// A decoder that has read the header, and what it found, as it is stored.
fn begin(bytes: &[u8]) -> Result<(Decoder<'_>, Measures), ImageError> {
    // The format's own limit; ours are checked below. Strict: a truncated file is an error, not a
    // picture with a grey rest.
    let options = DecoderOptions::default()
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .set_strict_mode(true);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(damaged)?;
    let unknown = || ImageError::Damaged("its header says no size".to_owned());
    let info = decoder.info().ok_or_else(unknown)?;
    let (height, width) = (usize::from(info.height), usize::from(info.width));
    check_size(height, width, bytes.len(), PIXELS_PER_BYTE)?;
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let channels = if grey { 1 } else { 3 };
    Ok((decoder, Measures { height, width, channels }))
}

pub(super) fn measure(bytes: &[u8]) -> Result<Measures, ImageError> {
    begin(bytes).map(|(decoder, measures)| orientation(&decoder).measures(measures))
}

pub(super) fn decode(bytes: &[u8]) -> Result<Picture, ImageError> {
    let (mut decoder, Measures { height, width, channels }) = begin(bytes)?;
    let colours = if channels == 1 { ColorSpace::Luma } else { ColorSpace::RGB };
    let options = decoder.options().jpeg_set_out_colorspace(colours);
    decoder.set_options(options);
    let orientation = orientation(&decoder);
    let pixels = decoder.decode().map_err(damaged)?;
    if pixels.len() != height * width * channels {
        return Err(ImageError::Damaged(format!("{} bytes were decoded", pixels.len())));
    }
    Ok(orientation.apply(Picture { height, width, channels, pixels }))
}

fn orientation(decoder: &Decoder<'_>) -> Orientation {
    Orientation::of(decoder.exif().map(Vec::as_slice))
}

fn damaged(error: impl std::fmt::Display) -> ImageError {
    // The decoder ends some of its messages with a newline.
    ImageError::Damaged(error.to_string().trim_end().to_owned())
}
