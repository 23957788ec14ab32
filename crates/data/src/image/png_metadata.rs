//! Where PNG files say how a camera was held: a chunk of its own, or texts, as ImageMagick and older programs write them. They may stand behind
//! the pixels, which decoders do not read.

use std::io::Read as _;

use flate2::read::ZlibDecoder;

use super::orientation::Orientation;

/// The most bytes to which a text is unpacked; EXIF and XMP of a JPEG file have 64 KiB.
const MAX_TEXT_BYTES: u64 = 1 << 20;

/// The keywords of texts that hold EXIF in hexadecimal digits, and of the one that is XMP.
const PROFILES: [&[u8]; 2] = [b"Raw profile type exif", b"Raw profile type APP1"];
const XMP: &[u8] = b"XML:com.adobe.xmp";

pub(super) fn orientation(file: &[u8]) -> Orientation {
    let (mut exif, mut profile, mut xmp) = (None, None, None);
    for (name, data) in Chunks(file.get(8..).unwrap_or_default()) {
        if name == b"eXIf" {
            exif = Some(data.to_vec());
        }
        let keyword = data.split(|byte| *byte == 0).next().unwrap_or_default();
        if PROFILES.contains(&keyword) {
            profile = profile.or_else(|| Some(bytes(&text(name, &data[keyword.len()..])?)));
        } else if keyword == XMP {
            xmp = text(name, &data[keyword.len()..]);
        }
    }
    Orientation::of(exif.or(profile).as_deref(), xmp.as_deref())
}

/// Names and data of the chunks, as far as they are whole.
struct Chunks<'a>(&'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = (&'a [u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (length, rest) = self.0.split_first_chunk()?;
        let (name, rest) = rest.split_first_chunk()?;
        let (data, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        self.0 = rest.get(4..)?;
        Some((name, data))
    }
}

/// The text of a chunk of this name, whose data behind the keyword are `rest`.
fn text(name: &[u8; 4], rest: &[u8]) -> Option<Vec<u8>> {
    match (name, rest) {
        (b"tEXt", [0, text @ ..]) => Some(text.to_vec()),
        (b"zTXt", [0, 0, packed @ ..]) => unpacked(packed),
        (b"iTXt", [0, is_packed, 0, rest @ ..]) => {
            // A language and a translated keyword, each with a zero at its end.
            let text = rest.splitn(3, |byte| *byte == 0).nth(2)?;
            if *is_packed == 1 { unpacked(text) } else { Some(text.to_vec()) }
        }
        _ => None,
    }
}

fn unpacked(packed: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    ZlibDecoder::new(packed).take(MAX_TEXT_BYTES).read_to_end(&mut text).ok()?;
    Some(text)
}

/// What a profile of hexadecimal digits holds; its first lines are empty, a name and a length.
fn bytes(profile: &[u8]) -> Vec<u8> {
    let lines = profile.split(|byte| *byte == b'\n').skip(3).flatten();
    let digits: Vec<u8> = lines.filter_map(|digit| char::from(*digit).to_digit(16)).map(|digit| digit as u8).collect();
    digits.as_chunks().0.iter().map(|[high, low]| high << 4 | low).collect()
}
