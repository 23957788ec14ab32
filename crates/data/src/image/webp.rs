//! WebP by image-webp.

use std::io::Cursor;

use image_webp::WebPDecoder;

use super::orientation::Orientation;
use super::{Changes, FREE_PIXELS, ImageError, Measures, Picture, alpha, check_packed, damaged};

/// A lossy block of 16×16 pixels takes at least a part of a byte; lossless ones take none where the picture is flat.
const PIXELS_PER_BYTE: usize = 4 * 256;

type File<'a> = WebPDecoder<Cursor<&'a [u8]>>;

/// A decoder that has read the header, what it found, as it is stored, and how that is shown.
fn begin(bytes: &[u8]) -> Result<(File<'_>, Measures, Orientation), ImageError> {
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(damaged)?;
    decoder.set_memory_limit(bytes.len());
    let (width, height) = decoder.dimensions();
    let (height, width) = (height as usize, width as usize);
    check_packed(height, width, bytes.len(), PIXELS_PER_BYTE, FREE_PIXELS)?;
    refuse_larger_frames(bytes, height, width)?;
    let exif = decoder.exif_metadata().map_err(damaged)?;
    let xmp = decoder.xmp_metadata().map_err(damaged)?;
    Ok((decoder, Measures { height, width, channels: 3 }, Orientation::of(exif.as_deref(), xmp.as_deref())))
}

pub(super) fn measure(bytes: &[u8]) -> Result<Measures, ImageError> {
    begin(bytes).map(|(_, measures, orientation)| orientation.measures(measures))
}

pub(super) fn decode(bytes: &[u8]) -> Result<(Picture, Changes), ImageError> {
    let (mut decoder, Measures { height, width, channels }, orientation) = begin(bytes)?;
    let too_large = ImageError::TooLarge { height, width, bytes: bytes.len() };
    let mut raw = vec![0; decoder.output_buffer_size().ok_or(too_large)?];
    decoder.read_image(&mut raw).map_err(damaged)?;
    let flattened = decoder.has_alpha();
    let pixels = if flattened { alpha::over_white(channels + 1, &raw) } else { raw };
    let changes = Changes { turned: orientation.turns(), flattened, ..Changes::default() };
    Ok((orientation.apply(Picture { height, width, channels, pixels }), changes))
}

/// The decoder takes memory for a lossy frame before it compares its size with that of the picture.
fn refuse_larger_frames(bytes: &[u8], height: usize, width: usize) -> Result<(), ImageError> {
    // Name, length, three bytes, the start code, and the sides in 14 bits each.
    const FRAME_BYTES: usize = 18;
    for frame in
        bytes.windows(FRAME_BYTES).filter(|frame| frame.starts_with(b"VP8 ") && frame[11..14] == *b"\x9d\x01\x2a")
    {
        let side = |at: usize| usize::from(u16::from_le_bytes([frame[at], frame[at + 1]]) & 0x3fff);
        if side(14) > width || side(16) > height {
            return Err(damaged(format!("a frame of {}x{} pixels in {height}x{width}", side(16), side(14))));
        }
    }
    Ok(())
}
