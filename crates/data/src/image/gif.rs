//! GIF by the gif crate: the first frame.

use std::io::Cursor;
use std::num::NonZeroU64;

use ::gif::{ColorOutput, DecodeOptions, Decoder, MemoryLimit};

use super::{Changes, FREE_PIXELS, ImageError, Measures, Picture, alpha, check_packed, damaged};

/// A code of at least three bits stands for a run of up to 4096 pixels.
const PIXELS_PER_BYTE: usize = 8 * 4096 / 9;

/// Where the first frame lies in the picture.
struct Place {
    top: usize,
    left: usize,
    height: usize,
    width: usize,
}

type File<'a> = Decoder<Cursor<&'a [u8]>>;

/// A decoder that stands before the first frame, the picture's size, and the place of the frame.
fn begin(bytes: &[u8]) -> Result<(File<'_>, Measures, Place), ImageError> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    let limit = NonZeroU64::new(4 * (FREE_PIXELS + (PIXELS_PER_BYTE * bytes.len()) as u64));
    limit.into_iter().for_each(|limit| options.set_memory_limit(MemoryLimit::Bytes(limit)));
    let mut decoder = options.read_info(Cursor::new(bytes)).map_err(damaged)?;
    let (height, width) = (usize::from(decoder.height()), usize::from(decoder.width()));
    let frame = decoder.next_frame_info().map_err(damaged)?.ok_or_else(|| damaged("it has no frame"))?;
    let [top, left, rows, columns] = [frame.top, frame.left, frame.height, frame.width].map(usize::from);
    let place = Place { top, left, height: rows, width: columns };
    // Some programs write frames that reach over the picture's edge; viewers make it larger.
    let (height, width) = (height.max(top + rows), width.max(left + columns));
    check_packed(height, width, bytes.len(), PIXELS_PER_BYTE, FREE_PIXELS)?;
    Ok((decoder, Measures { height, width, channels: 3 }, place))
}

pub(super) fn measure(bytes: &[u8]) -> Result<Measures, ImageError> {
    begin(bytes).map(|(_, measures, _)| measures)
}

pub(super) fn decode(bytes: &[u8]) -> Result<(Picture, Changes), ImageError> {
    let (mut decoder, Measures { height, width, channels }, place) = begin(bytes)?;
    let mut raw = vec![0; decoder.buffer_size()];
    decoder.read_into_buffer(&mut raw).map_err(damaged)?;
    let flattened = raw.as_chunks::<4>().0.iter().any(|pixel| pixel[3] < 255);
    let frame = alpha::over_white(channels + 1, &raw);
    // What the frame does not cover is seen through.
    let mut pixels = vec![255; height * width * channels];
    let rows = frame.chunks_exact((place.width * channels).max(1));
    for (row, line) in rows.take(place.height).enumerate() {
        let start = ((place.top + row) * width + place.left) * channels;
        pixels[start..start + line.len()].copy_from_slice(line);
    }
    Ok((Picture { height, width, channels, pixels }, Changes { flattened, ..Changes::default() }))
}
