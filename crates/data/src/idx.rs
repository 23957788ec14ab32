//! IDX, the format of MNIST and Fashion-MNIST: a magic number, sizes, then bytes.
//!
//! Layout (big-endian): two zero bytes, a type byte (0x08: unsigned bytes), the number of
//! dimensions, one 32-bit size per dimension, the data. Images have three dimensions (count, rows,
//! columns), labels one (count).

use std::io::{Error, ErrorKind, Read};

use tunefork_names::bytes;

/// The largest file that is read, unpacked: about 5 million images of 28×28.
pub const MAX_BYTES: u64 = 4 << 30;

/// The largest number of dimensions that is read.
const MAX_DIMENSIONS: usize = 3;

/// Why bytes are no IDX file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdxError {
    /// The first bytes are not those of an IDX file of bytes.
    #[error("begins with {0:02x?}; an IDX file of bytes begins with [00, 00, 08, 01] or [00, 00, 08, 03]")]
    Magic(Vec<u8>),
    /// The file has another number of dimensions than its place requires.
    #[error("has {found} dimensions; {expected} expected ({what})")]
    Dimensions {
        /// Dimensions that the file has.
        found: usize,
        /// Dimensions that it should have: 3 for images, 1 for labels.
        expected: usize,
        /// What the file should hold.
        what: &'static str,
    },
    /// The sizes ask for more or fewer bytes than there are.
    #[error("sizes {sizes:?} need {needed} bytes of data, {}", if found < needed { format!("{found} are there (truncated?)") } else { "more are there".to_owned() })]
    Length {
        /// The size of each dimension.
        sizes: Vec<usize>,
        /// The product of the sizes.
        needed: u64,
        /// The bytes after the header; when reading stops early, those seen so far, one more than needed.
        found: u64,
    },
    /// The sizes ask for more than [`MAX_BYTES`].
    #[error("sizes {:?} need more than the {} that are read at most", .0, bytes(MAX_BYTES))]
    TooLarge(Vec<usize>),
    /// The sizes ask for far more than a gzip file unpacks to that holds images.
    #[error("sizes {sizes:?} need {needed} bytes, far more than {packed} bytes of images unpack to")]
    Bomb {
        /// The size of each dimension.
        sizes: Vec<usize>,
        /// The product of the sizes.
        needed: u64,
        /// The length of the packed file.
        packed: u64,
    },
    /// The stream broke, for example a truncated gzip file.
    #[error("cannot be read to its end: {0}")]
    Read(#[from] Error),
}

/// A parsed IDX file: sizes and data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx<D> {
    /// The size of each dimension: one for labels, three for images (count, rows, columns).
    pub sizes: Vec<usize>,
    /// The bytes, last dimension innermost; their number is the product of the sizes.
    pub data: D,
}

impl<D> Idx<D> {
    /// Checks that these are images, and returns count, rows and columns.
    ///
    /// # Errors
    /// [`IdxError::Dimensions`] otherwise.
    pub fn images(&self) -> Result<[usize; 3], IdxError> {
        let found = self.sizes.len();
        let what = "images: count, rows, columns";
        self.sizes.as_slice().try_into().map_err(|_| IdxError::Dimensions { found, expected: 3, what })
    }

    /// Checks that these are labels, and returns their number.
    ///
    /// # Errors
    /// [`IdxError::Dimensions`] otherwise.
    pub fn labels(&self) -> Result<usize, IdxError> {
        match self.sizes.as_slice() {
            [count] => Ok(*count),
            sizes => Err(IdxError::Dimensions { found: sizes.len(), expected: 1, what: "labels: count" }),
        }
    }
}

/// Reads an IDX file from memory, without copying.
///
/// # Errors
/// [`IdxError`] when the magic number, the sizes or the length are wrong.
///
/// # Examples
/// ```
/// let labels = tunefork_data::idx::parse(&[0, 0, 8, 1, 0, 0, 0, 2, 7, 9])?;
/// assert_eq!((labels.labels()?, labels.data), (2, [7, 9].as_slice()));
/// # Ok::<(), tunefork_data::idx::IdxError>(())
/// ```
pub fn parse(bytes: &[u8]) -> Result<Idx<&[u8]>, IdxError> {
    let mut rest = bytes;
    let sizes = header(&mut rest)?;
    let needed = needed_bytes(&sizes)?;
    let found = rest.len() as u64;
    if needed != found {
        return Err(IdxError::Length { sizes, needed, found });
    }
    Ok(Idx { sizes, data: rest })
}

/// Reads an IDX file from a stream, for example one that unpacks gzip. Memory grows only with
/// the bytes that really come.
///
/// # Errors
/// As [`parse`]; also when the stream breaks or goes on after the data.
pub fn read(mut stream: impl Read) -> Result<Idx<Vec<u8>>, IdxError> {
    let sizes = header(&mut stream)?;
    let needed = needed_bytes(&sizes)?;
    let mut data = Vec::new();
    // One byte more than needed shows whether the stream goes on.
    let read = stream.take(needed + 1).read_to_end(&mut data);
    let found = data.len() as u64;
    match read {
        Err(source) if source.kind() != ErrorKind::UnexpectedEof => Err(source.into()),
        // A gzip stream that breaks off is told by its length, as a plain one.
        _ if needed != found => Err(IdxError::Length { sizes, needed, found }),
        Err(source) => Err(source.into()),
        Ok(_) => Ok(Idx { sizes, data }),
    }
}

/// What the header of a file says, before anything else is read: its sizes, and the bytes of data that must follow.
pub(crate) fn begin(mut stream: impl Read) -> Result<(Idx<()>, u64), IdxError> {
    let sizes = header(&mut stream)?;
    let needed = needed_bytes(&sizes)?;
    Ok((Idx { sizes, data: () }, needed))
}

/// The length of the header of a file with so many dimensions.
pub(crate) fn header_bytes(dimensions: usize) -> u64 {
    4 + 4 * dimensions as u64
}

fn header(stream: &mut impl Read) -> Result<Vec<usize>, IdxError> {
    let mut magic = Vec::new();
    stream.take(4).read_to_end(&mut magic)?;
    let [0, 0, 8, dimensions] = magic[..] else {
        return Err(IdxError::Magic(magic));
    };
    let dimensions = usize::from(dimensions);
    if dimensions == 0 || dimensions > MAX_DIMENSIONS {
        return Err(IdxError::Magic(magic));
    }
    let mut sizes = Vec::with_capacity(dimensions);
    for _ in 0..dimensions {
        let mut size = [0; 4];
        stream.read_exact(&mut size).map_err(ends_early)?;
        sizes.push(u32::from_be_bytes(size) as usize);
    }
    Ok(sizes)
}

fn ends_early(error: Error) -> Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => Error::new(ErrorKind::UnexpectedEof, "it ends within its header"),
        _ => error,
    }
}

fn needed_bytes(sizes: &[usize]) -> Result<u64, IdxError> {
    let product = sizes.iter().try_fold(1_u64, |product, size| product.checked_mul(*size as u64));
    match product {
        Some(needed) if needed <= MAX_BYTES => Ok(needed),
        _ => Err(IdxError::TooLarge(sizes.to_vec())),
    }
}
