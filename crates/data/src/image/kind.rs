//! Which kind of image a file is: by its first bytes, or as it is called.

/// So many bytes tell the kind of a file.
pub(crate) const HEAD_BYTES: usize = 32;

/// Kinds of image files. The last four are known so that they can be named, and are not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Jpeg,
    Png,
    WebP,
    Bmp,
    Gif,
    Tiff,
    Heif,
    Avif,
    Jpeg2000,
    JpegXl,
}

/// What is known of a kind.
struct Row {
    kind: Kind,
    name: &'static str,
    /// Endings of file names, in lower case.
    endings: &'static [&'static str],
    /// Whether a file with these first bytes is one.
    begins: fn(&[u8]) -> bool,
}

const TABLE: [Row; 10] = [
    Row {
        kind: Kind::Jpeg,
        name: "JPEG",
        endings: &["jpg", "jpeg", "jpe", "jif", "jfif"],
        begins: |head| head.starts_with(b"\xff\xd8"),
    },
    Row { kind: Kind::Png, name: "PNG", endings: &["png"], begins: |head| head.starts_with(b"\x89PNG") },
    Row {
        kind: Kind::WebP,
        name: "WebP",
        endings: &["webp"],
        begins: |head| head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP"),
    },
    Row { kind: Kind::Bmp, name: "BMP", endings: &["bmp", "dib"], begins: is_bmp },
    Row {
        kind: Kind::Gif,
        name: "GIF",
        endings: &["gif"],
        begins: |head| head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a"),
    },
    Row {
        kind: Kind::Tiff,
        name: "TIFF",
        endings: &["tif", "tiff"],
        begins: |head| [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"].iter().any(|begin| head.starts_with(*begin)),
    },
    Row {
        kind: Kind::Heif,
        name: "HEIF",
        endings: &["heic", "heif", "hif"],
        begins: |head| is_brand(head, &[b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"]),
    },
    Row { kind: Kind::Avif, name: "AVIF", endings: &["avif"], begins: |head| is_brand(head, &[b"avif", b"avis"]) },
    Row {
        kind: Kind::Jpeg2000,
        name: "JPEG 2000",
        endings: &["jp2", "j2k", "jpx"],
        begins: |head| head.starts_with(b"\0\0\0\x0cjP  ") || head.starts_with(b"\xff\x4f\xff\x51"),
    },
    Row {
        kind: Kind::JpegXl,
        name: "JPEG XL",
        endings: &["jxl"],
        begins: |head| head.starts_with(b"\0\0\0\x0cJXL ") || head.starts_with(b"\xff\x0a"),
    },
];

/// Two letters begin many files: the length of the second header is looked at, too.
fn is_bmp(head: &[u8]) -> bool {
    let header = head.get(14..18).map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    head.starts_with(b"BM") && matches!(header, Some(12 | 16 | 40 | 52 | 56 | 64 | 108 | 124))
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

    /// What it is called in sentences.
    pub(crate) fn name(self) -> &'static str {
        TABLE.iter().find(|row| row.kind == self).expect("every kind has its row").name
    }
}
