//! Image files of all kinds, whole and damaged.

use std::io::Write as _;

use crate::common::{JPEG, flat, png};
use png::{BitDepth, ColorType};
use proptest::prelude::*;
use tunefork_data::image::{self, ImageError, Picture};
use tunefork_data::{Fit, Image};

fn decode(bytes: &[u8]) -> Picture {
    image::decode(bytes).expect("a good image")
}

/// Checks the largest difference between two pictures of one shape.
fn check_close(found: &Picture, wanted: &Picture, tolerance: i16) {
    assert_eq!((found.height, found.width), (wanted.height, wanted.width));
    assert_eq!(found.channels, wanted.channels);
    let difference = |(a, b): (&u8, &u8)| (i16::from(*a) - i16::from(*b)).abs();
    let largest = found.pixels.iter().zip(&wanted.pixels).map(difference).max();
    assert!(largest <= Some(tolerance), "differs by {largest:?}");
}

#[test]
fn jpegs_of_all_kinds_show_the_same_picture() {
    let original = decode(include_bytes!("images/original.png"));
    assert_eq!(&original.pixels[..3], [40, 230, 60]);
    let files: [(&[u8], i16); 4] = [
        (JPEG, 8),
        (include_bytes!("images/progressive.jpg"), 8),
        (include_bytes!("images/cmyk.jpg"), 3),
        (include_bytes!("images/ycck.jpg"), 8),
    ];
    for (file, tolerance) in files {
        check_close(&decode(file), &original, tolerance);
    }
    let grey = decode(include_bytes!("images/grey.jpg"));
    assert_eq!(grey.channels, 1);
    let shape = Image::new(20, 24, 1);
    let wanted = Picture { channels: 1, pixels: original.fit(shape, Fit::Crop), height: 20, width: 24 };
    check_close(&grey, &wanted, 3);
}

#[test]
fn bytes_between_the_headers_of_a_jpeg_are_skipped() {
    // Behind the start, where cameras put zeros, and before the table that is last before the scan.
    let scan = JPEG.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap();
    for junk in [&[0; 12][..], &[0xff, 0, 0xff, 0], &[1, 2, 3], &[0xff, 0xff]] {
        for place in [2, scan] {
            let file = [&JPEG[..place], junk, &JPEG[place..]].concat();
            assert_eq!(decode(&file), decode(JPEG), "{junk:?} at {place}");
            assert_eq!(image::measure(&file), image::measure(JPEG));
        }
    }
    let end = JPEG.len();
    for place in [3, scan + 1, end - 40] {
        let cut = &JPEG[..place];
        assert!(image::decode(cut).is_err(), "cut at {place}");
    }
}

/// The colour photo with an EXIF block that holds this orientation, as big- or little-endian cameras write it.
pub(crate) fn held(orientation: u8, is_big: bool) -> Vec<u8> {
    let big = [b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".as_slice(), &[orientation], &[0; 6]].concat();
    let little =
        [b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".as_slice(), &[orientation], &[0; 7]].concat();
    let exif = if is_big { big } else { little };
    [&JPEG[..2], &[0xff, 0xe1, 0, exif.len() as u8 + 2], &exif, &JPEG[2..]].concat()
}

#[test]
fn photos_are_turned_as_viewers_show_them() {
    let stored = decode(JPEG);
    let corner = |picture: &Picture, bottom: bool, right: bool| {
        let row = if bottom { picture.height - 1 } else { 0 };
        let column = if right { picture.width - 1 } else { 0 };
        let place = (row * picture.width + column) * 3;
        picture.pixels[place..place + 3].to_vec()
    };
    let (first, second) = (corner(&stored, false, false), corner(&stored, false, true));
    assert_ne!(first, second);
    let (top, bottom, left, right) = (false, true, false, true);
    // Whether it lies on its side, and where the first and the last pixel of the first row that is stored are shown.
    let cases = [
        (0, false, (top, left), (top, right)),
        (1, false, (top, left), (top, right)),
        (2, false, (top, right), (top, left)),
        (3, false, (bottom, right), (bottom, left)),
        (4, false, (bottom, left), (bottom, right)),
        (5, true, (top, left), (bottom, left)),
        (6, true, (top, right), (bottom, right)),
        (7, true, (bottom, right), (top, right)),
        (8, true, (bottom, left), (top, left)),
        (9, false, (top, left), (top, right)),
    ];
    for (orientation, on_its_side, place, end) in cases {
        for file in [held(orientation, true), held(orientation, false)] {
            let shown = decode(&file);
            let size = if on_its_side { (24, 20) } else { (20, 24) };
            assert_eq!((shown.height, shown.width), size, "{orientation}");
            assert_eq!(corner(&shown, place.0, place.1), first, "{orientation}");
            assert_eq!(corner(&shown, end.0, end.1), second, "{orientation}");
            let measures = image::measure(&file).expect("a good header");
            assert_eq!((measures.height, measures.width), size, "{orientation}");
        }
    }
}

/// A directory of EXIF with one tag: its number, its type, and a value of 32 bits.
fn exif(tag: u16, kind: u8, value: u32) -> Vec<u8> {
    let [low, high] = tag.to_le_bytes();
    let head = [b"II*\0\x08\0\0\0\x01\0".as_slice(), &[low, high, kind, 0, 1, 0, 0, 0]].concat();
    [&head, value.to_le_bytes().as_slice(), &[0; 4]].concat()
}

/// As ImageMagick writes it into a text.
fn profile(exif: &[u8]) -> String {
    let digits = [b"Exif\0\0", exif].concat();
    let text: Vec<String> = digits.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\nexif\n{:8}\n{}\n", digits.len(), text.concat())
}

const XMP: &str = "<x:xmpmeta><rdf:Description tiff:Orientation=\"6\"/></x:xmpmeta>";

#[test]
fn pngs_are_turned_wherever_they_say_so() {
    let chunk = |name: &[u8; 4], data: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(&[name.as_slice(), data].concat());
        [&(data.len() as u32).to_be_bytes(), name.as_slice(), data, &crc.sum().to_be_bytes()].concat()
    };
    let packed = |text: &str| {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(text.as_bytes()).expect("writing to memory");
        encoder.finish().expect("writing to memory")
    };
    let (short, long) = (exif(0x112, 3, 6), exif(0x112, 4, 6));
    let text = |keyword: &str, rest: &[u8]| [keyword.as_bytes(), rest].concat();
    let itxt = text("XML:com.adobe.xmp", &[b"\0\0\0\0\0", XMP.as_bytes()].concat());
    let element = text("XML:com.adobe.xmp", b"\0\0\0en\0x\0<tiff:Orientation>6</tiff:Orientation>");
    let ztxt = text("Raw profile type exif", &[b"\0\0".as_slice(), &packed(&profile(&short))].concat());
    let cases: [(Vec<u8>, bool); 11] = [
        (chunk(b"eXIf", &short), true),
        (chunk(b"eXIf", &long), true),
        (chunk(b"eXIf", &exif(0x112, 3, 1)), false),
        (chunk(b"zTXt", &ztxt), true),
        (chunk(b"tEXt", &text("Raw profile type APP1", &[b"\0", profile(&long).as_bytes()].concat())), true),
        (chunk(b"iTXt", &itxt), true),
        (chunk(b"iTXt", &element), true),
        // EXIF counts first, if it says anything of it.
        ([chunk(b"eXIf", &exif(0x112, 3, 1)), chunk(b"iTXt", &itxt)].concat(), false),
        ([chunk(b"eXIf", &exif(0x10f, 3, 1)), chunk(b"iTXt", &itxt)].concat(), true),
        (chunk(b"tEXt", &text("Raw profile type exif", b"\0\nexif\n 9\n4")), false),
        // Long, but a file of its length may take so much memory.
        (chunk(b"tEXt", &text("Comment", &[b"\0".as_slice(), &vec![b'x'; 2 << 20]].concat())), false),
    ];
    let plain = png(2, 3, ColorType::Grayscale, BitDepth::Eight, &[1, 2, 3, 4, 5, 6]);
    for (number, (chunks, turns)) in cases.iter().enumerate() {
        // Behind the header, and behind the pixels.
        for place in [33, plain.len() - 12] {
            let file = [&plain[..place], chunks, &plain[place..]].concat();
            let picture = decode(&file);
            let (height, width, pixels) = if *turns { (3, 2, [4, 1, 5, 2, 6, 3]) } else { (2, 3, [1, 2, 3, 4, 5, 6]) };
            assert_eq!(picture, Picture { height, width, channels: 1, pixels: pixels.to_vec() }, "{number} at {place}");
            let measures = image::measure(&file).expect("a good header");
            assert_eq!((measures.height, measures.width), (height, width), "{number} at {place}");
        }
    }
}

#[test]
fn jpegs_are_turned_by_tags_of_any_type_and_by_xmp() {
    let wanted = decode(&held(6, true));
    let segment = |data: &[u8]| [&[0xff, 0xe1], (data.len() as u16 + 2).to_be_bytes().as_slice(), data].concat();
    let with = |segments: &[u8]| [&JPEG[..2], segments, &JPEG[2..]].concat();
    let block = |exif: &[u8]| segment(&[b"Exif\0\0", exif].concat());
    let xmp = segment(&[b"http://ns.adobe.com/xap/1.0/\0", XMP.as_bytes()].concat());
    assert!(decode(&with(&block(&exif(0x112, 4, 6)))) == wanted, "a long number");
    assert!(decode(&with(&xmp)) == wanted, "XMP");
    assert!(decode(&with(&[block(&exif(0x10f, 3, 1)), xmp.clone()].concat())) == wanted, "EXIF without a word");
    assert!(decode(&with(&[block(&exif(0x112, 3, 1)), xmp].concat())) == decode(JPEG), "EXIF counts first");
}

#[test]
fn pngs_of_all_kinds_become_bytes() {
    let eight = BitDepth::Eight;
    // Colour type, depth, samples of a 2×2 image, channels and pixels wanted.
    type Case<'a> = (ColorType, BitDepth, &'a [u8], usize, &'a [u8]);
    let sixteen = BitDepth::Sixteen;
    let cases: [Case<'_>; 11] = [
        (ColorType::Grayscale, eight, &[0, 80, 160, 255], 1, &[0, 80, 160, 255]),
        (ColorType::Grayscale, BitDepth::One, &[0b0100_0000, 0b1000_0000], 1, &[0, 255, 255, 0]),
        (ColorType::Grayscale, sixteen, &[0, 9, 80, 1, 160, 200, 255, 255], 1, &[0, 80, 160, 255]),
        // Of 12 bits and of 8, as sensors write them: 0, 16, 2048 and 4095; 0, 1, 128 and 255; alpha has 16.
        (ColorType::Grayscale, sixteen, &[0, 0, 0, 16, 8, 0, 15, 255], 1, &[0, 1, 128, 255]),
        (ColorType::Grayscale, sixteen, &[0, 0, 0, 1, 0, 128, 0, 255], 1, &[0, 1, 128, 255]),
        (ColorType::Grayscale, sixteen, &[0; 8], 1, &[0; 4]),
        (
            ColorType::GrayscaleAlpha,
            sixteen,
            &[15, 255, 255, 255, 8, 0, 255, 255, 0, 0, 255, 255, 0, 0, 0, 0],
            1,
            &[255, 128, 0, 255],
        ),
        (ColorType::GrayscaleAlpha, eight, &[0, 0, 100, 255, 0, 127, 9, 0], 1, &[255, 100, 128, 255]),
        (ColorType::Rgb, eight, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 3, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
        (
            ColorType::Rgba,
            eight,
            &[1, 2, 3, 255, 1, 2, 3, 0, 0, 0, 0, 51, 200, 100, 0, 255],
            3,
            &[1, 2, 3, 255, 255, 255, 204, 204, 204, 200, 100, 0],
        ),
        (ColorType::Indexed, eight, &[0, 1, 1, 0], 3, &[255, 0, 0, 0, 0, 255, 0, 0, 255, 255, 0, 0]),
    ];
    for (colour, depth, samples, channels, wanted) in cases {
        let file = png(2, 2, colour, depth, samples);
        let picture = decode(&file);
        assert_eq!((picture.channels, picture.pixels.as_slice()), (channels, wanted), "{colour:?} {depth:?}");
        let measures = image::measure(&file).expect("a good header");
        assert_eq!((measures.height, measures.width, measures.channels), (2, 2, channels));
    }
}

#[test]
fn a_large_flat_png_is_no_bomb() {
    let picture = decode(&flat(3000, 2000, 7));
    assert_eq!(picture.pixels.len(), 6_000_000);
}

/// The types of decoders stay in programs.
#[test]
fn damage_is_told_in_words() {
    let whole = flat(9, 9, 77);
    let with = |from: &[u8], to: &[u8]| {
        let place = whole.windows(from.len()).position(|bytes| bytes == from).expect("it is there");
        let mut bytes = whole.clone();
        bytes[place..place + to.len()].copy_from_slice(to);
        image::decode(&bytes).expect_err("a damaged image").to_string()
    };
    assert_eq!(with(b"IDAT", b"IDAU"), "is damaged: Unrecognized critical chunk: IDAU");
    let told = with(b"IHDR\0\0\0\x09", b"IHDR\0\0\0\x08");
    assert!(told.starts_with("is damaged: CRC error:") && told.ends_with(" while decoding IHDR chunk"), "{told}");
    let mut jpeg = JPEG.to_vec();
    let table = jpeg.windows(2).position(|bytes| bytes == [0xff, 0xdb]).expect("a table");
    jpeg[table + 2..table + 4].copy_from_slice(&[0, 1]);
    let told = image::decode(&jpeg).expect_err("a damaged image").to_string();
    assert!(!told.contains(['"', '\\', '{']), "{told}");
}

#[test]
fn damage_is_told_and_never_a_panic() {
    let whole_png = flat(20, 20, 9);
    let is_damaged = |bytes: &[u8]| matches!(image::decode(bytes), Err(ImageError::Damaged(_)));
    assert!(is_damaged(&JPEG[..JPEG.len() / 2]), "truncated JPEG");
    assert!(is_damaged(&JPEG[..20]), "JPEG cut within its header");
    for length in 2..JPEG.len() {
        let error = image::decode(&JPEG[..length]).err();
        let message = error.map_or(String::new(), |error| error.to_string());
        assert!(!message.contains('\n'), "{length}: {message}");
    }
    assert!(is_damaged(&whole_png[..whole_png.len() - 30]), "truncated PNG");
    assert_eq!(image::decode(&[]), Err(ImageError::Empty));
    assert_eq!(image::decode(b"GIF88a"), Err(ImageError::Format));
    let dot = image::decode(&flat(1, 1, 0));
    assert_eq!(dot, Err(ImageError::TooSmall { height: 1, width: 1 }));
}

#[test]
fn varieties_of_jpeg_that_are_not_read_are_named() {
    let frame = JPEG.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("a frame");
    let told = |place: usize, byte: u8| {
        let mut file = JPEG.to_vec();
        file[frame + place] = byte;
        let errors = [image::decode(&file).map(|_| ()), image::measure(&file).map(|_| ())];
        errors.map(|error| error.expect_err("not read").to_string())
    };
    let cases = [
        (1, 0xc3, "a lossless JPEG image"),
        (1, 0xc9, "a JPEG image in arithmetic code"),
        (1, 0xca, "a JPEG image in arithmetic code"),
        (1, 0xc5, "a hierarchical JPEG image"),
        (1, 0xf7, "a JPEG-LS image"),
        (4, 12, "a JPEG image of 12 bits"),
    ];
    for (place, byte, what) in cases {
        let wanted = format!("is {what}, which is not read; convert it to JPEG or PNG");
        assert_eq!(told(place, byte), [wanted.as_str(); 2]);
    }
}

/// No word of a decoder's own about buffers and bytes.
#[test]
fn a_file_that_ends_early_is_told_so() {
    let files: [&[u8]; 6] = [
        &JPEG[..30],
        &JPEG[..JPEG.len() / 2],
        &flat(20, 20, 9)[..40],
        &include_bytes!("images/lossy.webp")[..40],
        &include_bytes!("images/animated.gif")[..60],
        &include_bytes!("images/rle.bmp")[..20],
    ];
    for (number, file) in files.into_iter().enumerate() {
        let message = image::decode(file).expect_err("cut").to_string();
        assert!(message.starts_with("is damaged: it ends"), "{number}: {message}");
    }
}

#[test]
fn a_size_that_the_file_cannot_hold_is_refused_before_memory_is_taken() {
    // The size stands at a fixed place in the header; its checksum must fit.
    let mut file = flat(2, 2, 0);
    file[16..20].copy_from_slice(&16_000_u32.to_be_bytes());
    file[20..24].copy_from_slice(&16_000_u32.to_be_bytes());
    let mut crc = flate2::Crc::new();
    crc.update(&file[12..29]);
    file[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    let refused = ImageError::TooLarge { height: 16_000, width: 16_000, bytes: file.len() };
    assert_eq!(image::decode(&file), Err(refused));
}

#[test]
fn fitting_keeps_the_aspect_and_cuts_to_the_middle() {
    // Left half black, right half white, twice as wide as high: the middle square keeps the edge.
    let row: Vec<u8> = [[0; 20], [255; 20]].concat();
    let wide = Picture { height: 20, width: 40, channels: 1, pixels: row.repeat(20) };
    let shape = Image::new(10, 10, 3);
    let fitted = wide.fit(shape, Fit::Crop);
    assert_eq!(fitted.len(), 300);
    for row in fitted.chunks_exact(30) {
        assert!(row[..12].iter().all(|byte| *byte == 0), "{row:?}");
        assert!(row[18..].iter().all(|byte| *byte == 255), "{row:?}");
    }
}

#[test]
fn stretching_shows_the_whole_picture() {
    // Four bands; the middle square would show the two in the middle only.
    let row: Vec<u8> = [[0; 10], [80; 10], [160; 10], [240; 10]].concat();
    let wide = Picture { height: 20, width: 40, channels: 1, pixels: row.repeat(20) };
    let shape = Image::new(20, 20, 1);
    let corners = |fit| {
        let fitted = wide.clone().fit(shape, fit);
        [fitted[0], fitted[19]]
    };
    assert_eq!(corners(Fit::Crop), [80, 160]);
    assert_eq!(corners(Fit::Stretch), [0, 240]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is done to a file, the decoder answers, and a picture it gives has its stated size.
    #[test]
    fn mutated_files_are_answered(
        file in 0..15_usize,
        cut in 0.0..1.0_f64,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let files: [&[u8]; 15] = [
            b"P3 2 2 255 1 2 3 4 5 6 7 8 9 10 11 12",
            b"P4\n10 2\n\xa5\x40\x0f\xc0",
            include_bytes!("images/lossy.webp"),
            include_bytes!("images/alpha.webp"),
            include_bytes!("images/animated.webp"),
            include_bytes!("images/animated.gif"),
            include_bytes!("images/rle.bmp"),
            include_bytes!("images/masks.bmp"),
            include_bytes!("images/lzw.tif"),
            include_bytes!("images/fax.tif"),
            include_bytes!("images/la.tif"),
            JPEG,
            include_bytes!("images/progressive.jpg"),
            include_bytes!("images/ycck.jpg"),
            include_bytes!("images/original.png"),
        ];
        let mut bytes = files[file].to_vec();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        // Half of the cases keep their full length.
        bytes.truncate((bytes.len() as f64 * (2.0 * cut).min(1.0)) as usize);
        if let Ok(picture) = image::decode(&bytes) {
            prop_assert_eq!(picture.pixels.len(), picture.height * picture.width * picture.channels);
        }
    }

    /// Any picture fits any shape, and a flat one stays flat.
    #[test]
    fn flat_pictures_stay_flat(
        height in 2..40_usize, width in 2..40_usize, colour in any::<bool>(), byte in any::<u8>(),
        to_height in 1..30_usize, to_width in 1..30_usize, to_colour in any::<bool>(),
    ) {
        let channels = if colour { 3 } else { 1 };
        let picture = Picture { height, width, channels, pixels: vec![byte; height * width * channels] };
        let shape = Image::new(to_height, to_width, if to_colour { 3 } else { 1 });
        for fit in [Fit::Crop, Fit::Stretch] {
            let fitted = picture.clone().fit(shape, fit);
            prop_assert_eq!(fitted, vec![byte; shape.elements()]);
        }
    }
}
