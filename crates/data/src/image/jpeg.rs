//! JPEG by zune-jpeg.

use std::borrow::Cow;
use std::ops::Range;

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::orientation::Orientation;
use super::{Changes, ImageError, Measures, Picture, check_size, damaged};

/// The most pixels that one byte can stand for: no block of 8×8 takes less than one bit.
const PIXELS_PER_BYTE: usize = 8 * 64;

type Decoder<'a> = JpegDecoder<ZCursor<&'a [u8]>>;

/// Frames that the decoder does not read, by the numbers of their markers (ITU-T T.81, table B.1; T.87 for the last).
const UNREAD: [(&[u8], &str); 4] = [
    (&[0xc3], "a lossless JPEG image"),
    (&[0xc5, 0xc6, 0xc7, 0xcd, 0xce, 0xcf], "a hierarchical JPEG image"),
    (&[0xc9, 0xca, 0xcb], "a JPEG image in arithmetic code"),
    (&[0xf7], "a JPEG-LS image"),
];

/// A decoder that has read the header, and what it found, as it is stored.
fn begin(bytes: &[u8]) -> Result<(Decoder<'_>, Measures), ImageError> {
    // The format's own limit; ours are checked below. Strict: a truncated file is an error, not a
    // picture with a grey rest.
    let options = DecoderOptions::default()
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .set_strict_mode(true);
    refuse_unread(bytes)?;
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
    begin(&without_junk(bytes)).map(|(decoder, measures)| orientation(&decoder).measures(measures))
}

pub(super) fn decode(bytes: &[u8]) -> Result<(Picture, Changes), ImageError> {
    let sound = without_junk(bytes);
    let (mut decoder, Measures { height, width, channels }) = begin(&sound)?;
    let colours = if channels == 1 { ColorSpace::Luma } else { ColorSpace::RGB };
    let options = decoder.options().jpeg_set_out_colorspace(colours);
    decoder.set_options(options);
    let orientation = orientation(&decoder);
    let pixels = decoder.decode().map_err(damaged)?;
    if pixels.len() != height * width * channels {
        return Err(ImageError::Damaged(format!("{} bytes were decoded", pixels.len())));
    }
    let mended = matches!(sound, Cow::Owned(_));
    let changes = Changes { turned: orientation.turns(), mended, ..Changes::default() };
    Ok((orientation.apply(Picture { height, width, channels, pixels }), changes))
}

/// An error that names the variety of a file which the decoder would call damaged.
fn refuse_unread(bytes: &[u8]) -> Result<(), ImageError> {
    for header in headers(bytes).unwrap_or_default() {
        let marker = bytes[header.clone()].iter().find(|byte| **byte != 0xff).copied().unwrap_or_default();
        if let Some((_, what)) = UNREAD.iter().find(|(markers, _)| markers.contains(&marker)) {
            return Err(ImageError::Unread((*what).to_owned()));
        }
        // A frame's header, with the bits of a value behind its length: tables and extensions are none.
        let is_frame = matches!(marker, 0xc0..=0xc2);
        let bits = bytes[header].iter().skip_while(|byte| **byte == 0xff).nth(3).copied();
        if let Some(bits) = bits.filter(|bits| is_frame && *bits != 8) {
            return Err(ImageError::Unread(format!("a JPEG image of {bits} bits")));
        }
    }
    Ok(())
}

/// The file without bytes that stand between its headers and belong to none: zeros that some cameras write, which Pillow and
/// libjpeg skip.
fn without_junk(bytes: &[u8]) -> Cow<'_, [u8]> {
    match headers(bytes) {
        Some(parts) if parts.windows(2).any(|pair| pair[0].end < pair[1].start) => {
            Cow::Owned(parts.into_iter().flat_map(|part| bytes[part].iter().copied()).collect())
        }
        _ => Cow::Borrowed(bytes),
    }
}

/// Where the headers stand, the last of them with all that comes after it. Nothing if the file ends before its first scan.
fn headers(bytes: &[u8]) -> Option<Vec<Range<usize>>> {
    const START_OF_SCAN: u8 = 0xda;
    let start = 0..2;
    let mut headers = vec![start];
    let mut at = 2;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == 0xff)?;
        // A marker may stand behind several of these.
        let marker = at + bytes[at..].iter().position(|byte| *byte != 0xff)?;
        let end = match bytes[marker] {
            START_OF_SCAN => bytes.len(),
            0x00 => {
                at = marker + 1;
                continue;
            }
            0x01 | 0xd0..=0xd9 => marker + 1,
            _ => {
                let length = *bytes.get(marker + 1..)?.first_chunk::<2>()?;
                marker + 1 + usize::from(u16::from_be_bytes(length)).max(2)
            }
        };
        headers.push(at..end.min(bytes.len()));
        if bytes[marker] == START_OF_SCAN {
            return Some(headers);
        }
        at = end;
    }
}

fn orientation(decoder: &Decoder<'_>) -> Orientation {
    Orientation::of(decoder.exif().map(Vec::as_slice), decoder.xmp().map(Vec::as_slice))
}
