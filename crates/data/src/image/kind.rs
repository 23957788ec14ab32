//! Which kind of image a file is: by its first bytes, or as it is called.

/// So many bytes tell the kind of a file.
pub(crate) const HEAD_BYTES: usize = 32;

/// Kinds of image files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Jpeg,
    Png,
    WebP,
    Bmp,
    Gif,
    Tiff,
    Netpbm,
    /// One that is known so that it can be named, and is not read.
    Unread(&'static str),
}

/// What is known of a kind.
struct Row {
    kind: Kind,
    /// Endings of file names, in lower case.
    endings: &'static [&'static str],
    /// Whether a file with these first bytes is one; never where first bytes do not tell.
    begins: fn(&[u8]) -> bool,
}

const TABLE: &[Row] = &[
    Row {
        kind: Kind::Jpeg,
        endings: &["jpg", "jpeg", "jpe", "jif", "jfif"],
        begins: |head| head.starts_with(b"\xff\xd8"),
    },
    Row { kind: Kind::Png, endings: &["png"], begins: |head| head.starts_with(b"\x89PNG") },
    Row {
        kind: Kind::WebP,
        endings: &["webp"],
        begins: |head| head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP"),
    },
    Row { kind: Kind::Bmp, endings: &["bmp", "dib"], begins: is_bmp },
    Row {
        kind: Kind::Gif,
        endings: &["gif"],
        begins: |head| head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a"),
    },
    Row {
        kind: Kind::Tiff,
        endings: &["tif", "tiff"],
        begins: |head| [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"].iter().any(|begin| head.starts_with(*begin)),
    },
    Row { kind: Kind::Netpbm, endings: &["ppm", "pgm", "pbm", "pnm"], begins: is_netpbm },
    Row {
        kind: Kind::Unread("HEIF"),
        endings: &["heic", "heif", "hif"],
        begins: |head| is_brand(head, &[b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"]),
    },
    Row { kind: Kind::Unread("AVIF"), endings: &["avif"], begins: |head| is_brand(head, &[b"avif", b"avis"]) },
    Row {
        kind: Kind::Unread("JPEG 2000"),
        endings: &["jp2", "j2k", "jpx"],
        begins: |head| head.starts_with(b"\0\0\0\x0cjP  ") || head.starts_with(b"\xff\x4f\xff\x51"),
    },
    Row {
        kind: Kind::Unread("JPEG XL"),
        endings: &["jxl"],
        begins: |head| head.starts_with(b"\0\0\0\x0cJXL ") || head.starts_with(b"\xff\x0a"),
    },
    Row {
        kind: Kind::Unread("PAM or PFM"),
        endings: &["pam", "pfm"],
        begins: |head| [b"P7\n", b"PF\n", b"Pf\n"].iter().any(|begin| head.starts_with(*begin)),
    },
    Row { kind: Kind::Unread("TGA"), endings: &["tga"], begins: |_| false },
    Row { kind: Kind::Unread("PCX"), endings: &["pcx"], begins: |_| false },
    Row { kind: Kind::Unread("ICO"), endings: &["ico", "cur"], begins: |_| false },
    Row { kind: Kind::Unread("SVG"), endings: &["svg", "svgz"], begins: |head| head.starts_with(b"<svg") },
    Row { kind: Kind::Unread("PSD"), endings: &["psd"], begins: |head| head.starts_with(b"8BPS") },
    Row { kind: Kind::Unread("OpenEXR"), endings: &["exr"], begins: |head| head.starts_with(b"v/1\x01") },
    Row { kind: Kind::Unread("Radiance HDR"), endings: &["hdr"], begins: |head| head.starts_with(b"#?RADIANCE") },
    Row { kind: Kind::Unread("QOI"), endings: &["qoi"], begins: |head| head.starts_with(b"qoif") },
    Row { kind: Kind::Unread("DICOM"), endings: &["dcm", "dicom"], begins: |_| false },
    Row {
        kind: Kind::Unread("a camera's raw form"),
        endings: &["cr2", "cr3", "nef", "arw", "orf", "rw2", "raf", "dng", "pef", "srw"],
        begins: |_| false,
    },
];

/// Two letters begin many files: the length of the second header is looked at, too.
fn is_bmp(head: &[u8]) -> bool {
    let header = head.get(14..18).map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    head.starts_with(b"BM") && matches!(header, Some(12 | 16 | 40 | 52 | 56 | 64 | 108 | 124))
}

/// `P1` to `P6`, a space, and a number or a comment.
fn is_netpbm(head: &[u8]) -> bool {
    let begins = matches!(head, [b'P', b'1'..=b'6', b' ' | 0x09..=0x0d, ..]);
    begins && matches!(head[3..].iter().find(|byte| !byte.is_ascii_whitespace()), Some(b'0'..=b'9' | b'#'))
}

/// Whether a file of boxes, like a video, is of one of these brands.
fn is_brand(head: &[u8], brands: &[&[u8; 4]]) -> bool {
    head.get(4..8) == Some(b"ftyp") && brands.iter().any(|brand| head.get(8..12) == Some(brand.as_slice()))
}

impl Kind {
    /// The kind of a file that begins so.
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        TABLE.iter().find(|row| (row.begins)(head)).map(|row| row.kind)
    }

    /// The kind that a file has by its name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let (_, ending) = name.rsplit_once('.')?;
        let is_meant = |row: &&Row| row.endings.iter().any(|known| known.eq_ignore_ascii_case(ending));
        TABLE.iter().find(is_meant).map(|row| row.kind)
    }
}
