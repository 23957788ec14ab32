//! Images of kinds other than JPEG and PNG, and files whose names do not tell what they are.

use crate::common::{JPEG, Place, flat, gzip, sentences, tar, zip};
use png::{BitDepth, ColorType};
use tunefork_data::image::{self, ImageError, Measures, Picture};
use tunefork_data::{Fit, Image, InspectOptions, Pictures, Source};

const ORIGINAL: &[u8] = include_bytes!("images/original.png");
const SIXTEEN_COLOURS: &[u8] = include_bytes!("images/sixteen-colours.png");
const BITS: &[u8] = include_bytes!("images/bits.png");

fn decode(bytes: &[u8]) -> Picture {
    image::decode(bytes).expect("a good image")
}

fn in_grey(picture: &Picture) -> Picture {
    let shape = Image::new(picture.height, picture.width, 1);
    Picture { channels: 1, pixels: picture.clone().fit(shape, Fit::Crop), ..*picture }
}

/// The picture with column `x` of opacity 11x laid over white.
fn faded(picture: &Picture) -> Picture {
    let (width, channels) = (picture.width, picture.channels);
    let pixels = picture.pixels.iter().enumerate().map(|(place, colour)| {
        let alpha = 11 * (place / channels % width) as u32;
        ((u32::from(*colour) * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    });
    Picture { pixels: pixels.collect(), ..*picture }
}

/// The picture without its last column.
fn narrower(picture: &Picture) -> Picture {
    let rows = picture.pixels.chunks_exact(picture.width * picture.channels);
    let pixels = rows.flat_map(|row| row[..row.len() - picture.channels].to_vec()).collect();
    Picture { width: picture.width - 1, pixels, ..*picture }
}

/// The picture as it is shown if what is stored stands on its left side.
fn turned(picture: &Picture) -> Picture {
    let (height, width, channels) = (picture.width, picture.height, picture.channels);
    let place = |row: usize, column: usize| ((width - 1 - column) * height + row) * channels;
    let places = (0..height).flat_map(|row| (0..width).map(move |column| place(row, column)));
    let pixels = places.flat_map(|place| picture.pixels[place..place + channels].to_vec()).collect();
    Picture { height, width, channels, pixels }
}

/// Pillow decodes each of these files to the same bytes (see `images/README.md`).
#[test]
fn other_kinds_show_what_pillow_shows() {
    let (original, sixteen) = (decode(ORIGINAL), decode(SIXTEEN_COLOURS));
    let grey = in_grey(&original);
    let mut cases: Vec<(&str, &[u8], Picture)> = vec![
        ("lossy.webp", include_bytes!("images/lossy.webp"), decode(include_bytes!("images/lossy.png"))),
        ("alpha.webp", include_bytes!("images/alpha.webp"), faded(&original)),
        ("turned.webp", include_bytes!("images/turned.webp"), turned(&original)),
        ("animated.webp", include_bytes!("images/animated.webp"), original.clone()),
        ("animated.gif", include_bytes!("images/animated.gif"), sixteen.clone()),
        ("rle.bmp", include_bytes!("images/rle.bmp"), sixteen.clone()),
        ("rle4.bmp", include_bytes!("images/rle4.bmp"), narrower(&sixteen)),
        ("bits.bmp", include_bytes!("images/bits.bmp"), narrower(&decode(BITS))),
        ("masks.bmp", include_bytes!("images/masks.bmp"), decode(include_bytes!("images/masks.png"))),
        ("alpha.bmp", include_bytes!("images/alpha.bmp"), faded(&original)),
    ];
    if cfg!(feature = "tiff") {
        cases.extend([
            ("lzw.tif", include_bytes!("images/lzw.tif").as_slice(), original.clone()),
            ("pages.tif", include_bytes!("images/pages.tif"), original.clone()),
            ("cmyk.tif", include_bytes!("images/cmyk.tif"), original.clone()),
            ("turned.tif", include_bytes!("images/turned.tif"), turned(&original)),
            ("fax.tif", include_bytes!("images/fax.tif"), decode(BITS)),
            ("la.tif", include_bytes!("images/la.tif"), grey.clone()),
            ("twelve.tif", include_bytes!("images/twelve.tif"), grey),
        ]);
    }
    for (name, file, wanted) in cases {
        assert!(decode(file) == wanted, "{name}");
        let Picture { height, width, channels, .. } = wanted;
        assert_eq!(image::measure(file), Ok(Measures { height, width, channels }), "{name}");
    }
}

/// An unpacked TIFF file of 2×3 pixels in red, green and blue, one strip for each plane.
#[cfg(feature = "tiff")]
fn tiff(bits: u32, planes: &[&[u8]]) -> Vec<u8> {
    let mut file = b"II*\0\0\0\0\0".to_vec();
    let mut strips = Vec::new();
    for plane in planes {
        strips.push(file.len() as u32);
        file.extend_from_slice(plane);
    }
    let lengths = planes.iter().map(|plane| plane.len() as u32).collect();
    let planar = if planes.len() == 1 { 1 } else { 2 };
    // Width, height, bits, packing, colours, strips, channels, rows in a strip, lengths, planes.
    let fields: [(u16, u16, Vec<u32>); 10] = [
        (256, 4, vec![3]),
        (257, 4, vec![2]),
        (258, 3, vec![bits; 3]),
        (259, 3, vec![1]),
        (262, 3, vec![2]),
        (273, 4, strips),
        (277, 3, vec![3]),
        (278, 4, vec![2]),
        (279, 4, lengths),
        (284, 3, vec![planar]),
    ];
    let mut directory = (fields.len() as u16).to_le_bytes().to_vec();
    for (tag, kind, values) in fields {
        let length = if kind == 3 { 2 } else { 4 };
        let mut bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()[..length].to_vec()).collect();
        if bytes.len() > 4 {
            let place = file.len() as u32;
            file.append(&mut bytes);
            bytes = place.to_le_bytes().to_vec();
        }
        bytes.resize(4, 0);
        directory.extend([tag.to_le_bytes(), kind.to_le_bytes()].as_flattened());
        directory.extend((values.len() as u32).to_le_bytes());
        directory.append(&mut bytes);
    }
    let place = file.len() as u32;
    file[4..8].copy_from_slice(&place.to_le_bytes());
    [file, directory, vec![0; 4]].concat()
}

#[cfg(feature = "tiff")]
#[test]
fn tiffs_of_16_bits_and_of_planes_are_read() {
    let pixels: Vec<u8> = (1..=18).map(|number| number * 14).chain([255]).skip(1).collect();
    let wide = |bytes: &[u8]| bytes.iter().flat_map(|byte| [byte ^ 0x55, *byte]).collect::<Vec<u8>>();
    let planes = [0, 1, 2].map(|channel| pixels.iter().copied().skip(channel).step_by(3).collect::<Vec<u8>>());
    let wide_planes = planes.clone().map(|plane| wide(&plane));
    let files = [
        tiff(8, &[&pixels]),
        tiff(8, &planes.each_ref().map(Vec::as_slice)),
        tiff(16, &[&wide(&pixels)]),
        tiff(16, &wide_planes.each_ref().map(Vec::as_slice)),
    ];
    for (number, file) in files.into_iter().enumerate() {
        assert_eq!(decode(&file), Picture { height: 2, width: 3, channels: 3, pixels: pixels.clone() }, "{number}");
    }
}

/// File; height, width, channels and pixels as Pillow 13 has them.
type Netpbm<'a> = (&'a [u8], usize, usize, usize, &'a [u8]);

const NETPBM: [Netpbm<'_>; 10] = [
    (b"P1\n# c\n3 2\n101\n0 1 0", 2, 3, 1, &[0, 255, 0, 255, 0, 255]),
    (b"P1 3 2 #c\n1#x\n0 1010", 2, 3, 1, &[0, 255, 0, 255, 0, 255]),
    (b"P2\n3 2\n15\n0 1 2 7 14 15\n", 2, 3, 1, &[0, 17, 34, 119, 238, 255]),
    (b"P3 2 2 255 1 2 3 4 5 6 # end\n7 8 9 10 11 12", 2, 2, 3, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    (
        b"P4\n10 2\n\xa5\x40\x0f\xc0",
        2,
        10,
        1,
        &[0, 255, 0, 255, 255, 0, 255, 0, 255, 0, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0],
    ),
    (b"P5 3 2 255\n\x00\x01\x02P\xfe\xff", 2, 3, 1, &[0, 1, 2, 80, 254, 255]),
    (b"P5\n3 2\n10\n\x00\x01\x03\x05\n\x0b", 2, 3, 1, &[0, 26, 76, 128, 255, 255]),
    (b"P6 2 2 100#c\n\n\x00\x01\x03\x05\n\x0b23cde\xff", 2, 2, 3, &[0, 3, 8, 13, 26, 28, 128, 130, 252, 255, 255, 255]),
    (
        b"P6\n2 2\n1000\n\0\0\0\x01\0\x02\x01\0\x01\xf4\x03\xe8\x03\xe9\xff\xff\x02\0\0\x10\0\x20\0\x30",
        2,
        2,
        3,
        &[0, 0, 1, 65, 128, 255, 255, 255, 131, 4, 8, 12],
    ),
    (b"P6 2 2 255\n\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c", 2, 2, 3, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
];

#[test]
fn netpbm_shows_what_pillow_shows_and_ends_where_it_ends() {
    for (file, height, width, channels, pixels) in NETPBM {
        let wanted = Picture { height, width, channels, pixels: pixels.to_vec() };
        let name = String::from_utf8_lossy(file);
        assert_eq!(decode(file), wanted, "{name}");
        assert_eq!(decode(&[file, b"\nmore"].concat()), wanted, "{name}");
        assert_eq!(image::measure(file), Ok(Measures { height, width, channels }), "{name}");
        // The last number of plain files is one with fewer digits, too.
        let shortest = file.len() - usize::from(matches!(file[1], b'2' | b'3'));
        for length in 0..shortest - 1 {
            assert!(image::decode(&file[..length]).is_err(), "{name} cut at {length}");
        }
    }
    let refused = |file: &[u8]| image::decode(file).expect_err("refused").to_string();
    assert_eq!(refused(b"P5 2 2 0\n1234"), "is damaged: its largest value is 0; 1 to 65535 is possible");
    assert_eq!(refused(b"P2 2 2 9 1 2 3 10"), "is damaged: it has the value 10, and 9 as its largest");
    assert_eq!(refused(b"P1 2 2 0 1 2 0"), "is damaged: it has something else than 0 and 1");
    assert_eq!(refused(b"P6 2 2 255 123"), "is damaged: it ends early");
    assert!(refused(b"P6 60000 60000 255 123").contains("which is refused"));
}

#[test]
fn sets_of_netpbm_are_read_and_twelve_bits_are_told() {
    let twelve = [b"P5 2 2 65535\n".as_slice(), &[0, 0, 0, 16, 8, 0, 15, 255]].concat();
    let place =
        Place::new().with(&[("set/a/1.ppm", NETPBM[9].0), ("set/b/1.PGM", &twelve), ("set/b/none", NETPBM[3].0)]);
    let opened = place.opened("set");
    assert_eq!(opened.data.shape(), Image::new(2, 2, 3));
    assert_eq!(opened.data.pixels(1), [0, 0, 0, 1, 1, 1, 128, 128, 128, 255, 255, 255]);
    assert_eq!(sentences(&opened), ["`b/1.PGM` has values of 16 bits, none above 4095: 4095 is taken for white"]);
}

#[test]
fn images_that_are_not_read_are_told_by_kind() {
    let image = flat(4, 4, 1);
    let files: Vec<(&str, &[u8])> = vec![
        ("set/a/1.png", &image),
        ("set/b/1.png", &image),
        ("set/a/t.TGA", b"\0\0\x02\0"),
        ("set/a/s.svg", b"<?xml version=\"1.0\"?><svg/>"),
        ("set/b/i.ico", b"\0\0\x01\0"),
        ("set/b/h.heic", b"?"),
        // A picture under a false name.
        ("set/b/p.svg", &image),
    ];
    let place = Place::new().with(&files);
    let named: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (&name[4..], *bytes)).collect();
    let place = place.with(&[("packed.zip", &zip(&named))]);
    let end = "which is not read; convert it to JPEG or PNG";
    let wanted = [("a/s.svg", "SVG"), ("a/t.TGA", "TGA"), ("b/h.heic", "HEIF"), ("b/i.ico", "ICO")]
        .map(|(name, kind)| format!("left out: `{name}` is an image in {kind}, {end}"));
    for name in ["set", "packed"] {
        let opened = place.opened(name);
        let mut told = sentences(&opened);
        told.sort();
        assert_eq!((opened.data.len(), told.as_slice()), (3, wanted.as_slice()), "{name}");
    }
    let pictures = Pictures::read(&[place.path("set")], Image::new(4, 4, 1), Fit::Crop).expect("three images");
    assert_eq!((pictures.files.len(), pictures.warnings.left_out()), (3, 4));
    let message = Place::new().with(&[("set/a/1.tga", b"x"), ("set/b/1.tga", b"x")]).error("set");
    assert!(message.contains("no usable image") && message.contains("`a/1.tga` is an image in TGA"), "{message}");
}

#[test]
fn what_a_gif_does_not_cover_is_white() {
    let clear = decode(include_bytes!("images/clear.gif"));
    let sixteen = decode(SIXTEEN_COLOURS);
    let first = &sixteen.pixels[..3];
    let pairs = clear.pixels.chunks_exact(3).zip(sixteen.pixels.chunks_exact(3));
    for (found, stored) in pairs {
        assert_eq!(found, if stored == first { &[255; 3] } else { stored });
    }
}

#[test]
fn varieties_that_are_not_read_are_named() {
    let heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic";
    let avif = b"\0\0\0\x18ftypavif\0\0\0\0mif1avif";
    let message = |bytes: &[u8]| image::decode(bytes).expect_err("not read").to_string();
    let end = "which is not read; convert it to JPEG or PNG";
    assert_eq!(message(heic), format!("is an image in HEIF, {end}"));
    assert_eq!(message(avif), format!("is an image in AVIF, {end}"));
    let tiff = if cfg!(feature = "tiff") {
        [
            format!("is a TIFF image with a palette, {end}"),
            format!("is a TIFF image packed in another way than LZW, Deflate, PackBits or fax 4, {end}"),
        ]
    } else {
        [0; 2].map(|_| "is a TIFF image, which this build does not read; build with the feature `tiff`".to_owned())
    };
    assert_eq!(message(include_bytes!("images/palette.tif")), tiff[0]);
    assert_eq!(message(include_bytes!("images/jpeg.tif")), tiff[1]);
}

/// The header of a BMP file with 200 bytes of pixels.
fn bmp(width: u32, height: u32, method: u8, bits: u8) -> Vec<u8> {
    let head = [b"BM".as_slice(), &[0; 8], &[54, 0, 0, 0, 40, 0, 0, 0]].concat();
    [&head, width.to_le_bytes().as_slice(), &height.to_le_bytes(), &[1, 0, bits, 0, method, 0, 0, 0], &[0; 200]]
        .concat()
}

#[test]
fn bmps_are_read_or_refused_by_their_packing() {
    let is_read =
        |method, bits| matches!((method, bits), (0, 1 | 2 | 4 | 8 | 16 | 24 | 32) | (1, 8) | (2, 4) | (3 | 6, 16 | 32));
    for method in 0..8 {
        for bits in [0, 1, 2, 3, 4, 8, 16, 24, 32, 64] {
            let found = image::measure(&bmp(4, 4, method, bits));
            match is_read(method, bits) {
                true => assert!(found.is_ok(), "{found:?}"),
                false => assert_eq!(
                    found,
                    Err(ImageError::Unread(format!("a BMP image packed by method {method} at {bits} bits")))
                ),
            }
        }
    }
}

/// Headers that claim the largest sides there are, in files of a few bytes.
#[test]
fn claims_that_no_file_can_hold_are_refused() {
    let gif = [b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\xff\xff\xff\xff\0\x02".as_slice(), &[0; 9]]
        .concat();
    // Lossless with both sides of 16,383 pixels.
    let webp = [b"RIFF\x30\0\0\0WEBPVP8L\x20\0\0\0\x2f\xfe\xbf\xff\x0f".as_slice(), &[0; 27]].concat();
    let canvas = [b"RIFF\x30\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0".as_slice(), &[0xff; 6], &[0; 10]].concat();
    // A frame of 16,383 pixels a side on a canvas of 16.
    let frame = b"RIFF\x30\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x0f\0\0\x0f\0\0VP8 \x10\0\0\0\x10\0\0\x9d\x01\x2a\xff\x3f\xff\x3f\0\0\0\0\0\0";
    let tiff = [
        b"II*\0\x08\0\0\0\x03\0\0\x01\x04\0\x01\0\0\0\xff\xff\xff\0\x01\x01\x04\0\x01\0\0\0\xff\xff\xff\0".as_slice(),
        &[6, 1, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0],
        &[0; 4],
    ]
    .concat();
    let files: [&[u8]; 8] = [
        &bmp(0x7fff_ffff, 0x7fff_ffff, 0, 24),
        &bmp(30_000, 30_000, 1, 8),
        &bmp(60, 60, 0, 24),
        &gif,
        &webp,
        &canvas,
        frame,
        &tiff,
    ];
    for (number, file) in files.into_iter().enumerate() {
        let error = image::decode(file).expect_err("refused");
        let is_refused =
            matches!(error, ImageError::TooLarge { .. } | ImageError::Damaged(_) | ImageError::NotBuilt { .. });
        assert!(is_refused, "{number}: {error}");
        assert!(image::measure(file).is_err(), "{number}");
    }
}

#[test]
fn files_are_images_by_their_bytes_where_names_do_not_tell() {
    let (dark, light) = (flat(20, 24, 10), flat(20, 24, 200));
    let webp = include_bytes!("images/lossy.webp");
    let bmp = include_bytes!("images/rle.bmp");
    let gif = include_bytes!("images/animated.gif");
    let files: Vec<(&str, &[u8])> = vec![
        ("set/a/none", &dark),
        ("set/a/photo.jpg.crdownload", JPEG),
        ("set/a/w.webp", webp),
        ("set/a/what.JPG", &light),
        ("set/a/x.jfif", JPEG),
        ("set/b/b.dib", bmp),
        ("set/b/g.gif", gif),
        ("set/b/no.1", &light),
        ("set/b/y.jpe", JPEG),
        ("set/b/cut.jpg.part", &JPEG[..200]),
        ("set/b/page.crdownload", b"<html>"),
        ("set/b/notes.txt", b"text"),
        ("set/b/table.CSV", b"a,b"),
        ("set/b/README", b"BMW is a make of cars"),
        ("set/b/manual.pdf", b"%PDF-1.5"),
        ("set/b/.DS_Store", b"\xff\xd8"),
    ];
    let place = Place::new().with(&files);
    let named: Vec<(&str, &[u8])> =
        files.iter().map(|(name, bytes)| (name.strip_prefix("set/").unwrap_or(name), *bytes)).collect();
    let entries: Vec<_> = named.iter().map(|(name, bytes)| (*name, tar::EntryType::Regular, *bytes)).collect();
    let archive = tar(&entries);
    let place =
        place.with(&[("packed.zip", &zip(&named)), ("plain.tar", &archive), ("gzipped.tar.gz", &gzip(&archive))]);
    for name in ["set", "packed", "plain", "gzipped"] {
        let opened = place.open(name, &place.options(Some((20, 24)), Some(3))).expect("a good set");
        assert_eq!(opened.data.labels(), [0, 0, 0, 0, 0, 1, 1, 1, 1], "{name}");
        let mut told = sentences(&opened);
        told.sort();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].starts_with("left out: `b/cut.jpg.part` is damaged"), "{told:?}");
        assert_eq!(told[1], "left out: `b/page.crdownload` is an unfinished download; fetch it again");
        let source = Source::locate(name, Some(place.data.path())).expect("a set");
        let inspection = source.inspect(&InspectOptions::default(), &mut |_| {}).expect("a readable set");
        assert_eq!(inspection.other_files, 5, "{name}");
    }
    let shape = Image::new(20, 24, 3);
    let pictures = Pictures::read(&[place.path("set")], shape, Fit::Crop).expect("nine images");
    assert_eq!(pictures.files.len(), 9);
    assert_eq!(pictures.warnings.left_out(), 2);
}

/// Every kind cut at every place: a picture, or an error, and never less than half a picture taken for a whole one.
#[test]
fn files_cut_anywhere_are_refused_where_pillow_refuses_them() {
    // The shortest beginning that is read; Pillow needs one or two bytes more of lossy WebP and GIF, and the same of all others.
    let cases: [(&str, &[u8], usize); 6] = [
        ("original.png", ORIGINAL, 74),
        ("lossy.webp", include_bytes!("images/lossy.webp"), 182),
        ("alpha.webp", include_bytes!("images/alpha.webp"), 96),
        ("animated.gif", include_bytes!("images/animated.gif"), 259),
        ("rle.bmp", include_bytes!("images/rle.bmp"), 328),
        ("colour.jpg", JPEG, 433),
    ];
    for (name, file, shortest) in cases {
        let read = (0..=file.len()).find(|length| image::decode(&file[..*length]).is_ok());
        assert_eq!(read, Some(shortest), "{name}");
    }
    let interlaced = crate::common::png(2, 2, ColorType::Grayscale, BitDepth::Eight, &[1, 2, 3, 4]);
    assert!(image::decode(&interlaced[..interlaced.len() - 12]).is_ok(), "an end is not needed");
}
