//! The state of a run as one blob of bytes.
//!
//! ```text
//! "TNFKRUN\n"  format u32  plan key  run key [32]
//! values of the epochs: u64 count, then f64 values
//! slab, optimizer state, averaged slab and best epoch's slab (may be empty): u64 count, then f32 values
//! SHA-256 of everything before [32]
//! ```
//!
//! All numbers are little-endian and floats are kept by their bits, so what is restored is what was.
//! Random streams are keyed and the schedule is a function of the step, so neither has any state here;
//! a checkpoint is taken between epochs, so the step follows from the epoch.

use sha2::{Digest, Sha256};

use crate::CheckpointError;

const MAGIC: &[u8; 8] = b"TNFKRUN\n";
const FORMAT: u32 = 2;
const DIGEST_LEN: usize = 32;

/// Everything that a run carries from one epoch to the next, as it stands in a checkpoint: it is read part
/// by part, so that a network of many weights is not there a third time.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct State<'a> {
    /// The value of each epoch so far.
    pub(crate) values: Vec<f64>,
    pub(crate) slab: Floats<'a>,
    pub(crate) optimizer: Floats<'a>,
    /// Empty unless weights are averaged.
    pub(crate) average: Floats<'a>,
    /// Empty unless the best epoch counts.
    pub(crate) best_slab: Floats<'a>,
}

/// One part of a state.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Floats<'a>(&'a [[u8; size_of::<f32>()]]);

impl Floats<'_> {
    pub(crate) fn len(self) -> usize {
        self.0.len()
    }

    pub(crate) fn to_vec(self) -> Vec<f32> {
        self.0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }
}

/// Whose checkpoint it is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Owner<'a> {
    /// Key of the plan: graph, shapes, batch.
    pub(crate) plan: &'a str,
    /// Digest of settings, images and seed.
    pub(crate) run: [u8; DIGEST_LEN],
}

/// Writes a state part by part: slab, optimizer, average and best slab.
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// The beginning of a checkpoint, with room for parts of so many values together.
    pub(crate) fn new(owner: Owner<'_>, values: &[f64], floats: usize) -> Self {
        let beginning = size_of_val(values) + owner.plan.len() + 256;
        let mut bytes = Vec::with_capacity(beginning + size_of::<f32>() * floats);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&(owner.plan.len() as u64).to_le_bytes());
        bytes.extend_from_slice(owner.plan.as_bytes());
        bytes.extend_from_slice(&owner.run);
        bytes.extend_from_slice(&(values.len() as u64).to_le_bytes());
        for value in values {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        Self { bytes }
    }

    pub(crate) fn floats(&mut self, part: &[f32]) {
        self.bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        let start = self.bytes.len();
        self.bytes.resize(start + size_of_val(part), 0);
        let (places, _) = self.bytes[start..].as_chunks_mut();
        for (place, value) in places.iter_mut().zip(part) {
            *place = value.to_le_bytes();
        }
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        let digest = Sha256::digest(&self.bytes);
        self.bytes.extend_from_slice(&digest);
        self.bytes
    }
}

/// Reads a state of this owner.
///
/// # Errors
/// If the blob is no checkpoint, damaged, of another format, or of somebody else.
pub(crate) fn decode<'a>(owner: Owner<'_>, bytes: &'a [u8]) -> Result<State<'a>, CheckpointError> {
    let mut reader = Reader { rest: bytes };
    if reader.take(MAGIC.len()) != Ok(MAGIC) {
        return Err(CheckpointError::NotACheckpoint);
    }
    let found = reader.u32()?;
    if found != FORMAT {
        return Err(CheckpointError::Version { found, expected: FORMAT });
    }
    let (content, digest) =
        bytes.split_at_checked(bytes.len().saturating_sub(DIGEST_LEN)).ok_or(CheckpointError::Damaged)?;
    if Sha256::digest(content)[..] != *digest {
        return Err(CheckpointError::Damaged);
    }
    reader.rest = &content[MAGIC.len() + size_of::<u32>()..];
    reader.owner(owner)?;
    let state = State {
        values: reader.doubles()?,
        slab: reader.floats()?,
        optimizer: reader.floats()?,
        average: reader.floats()?,
        best_slab: reader.floats()?,
    };
    match reader.rest {
        [] => Ok(state),
        _ => Err(CheckpointError::Inconsistent { what: "bytes follow its end" }),
    }
}

/// The part of a blob that is still to be read.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn owner(&mut self, owner: Owner<'_>) -> Result<(), CheckpointError> {
        let len = self.len()?;
        let found = String::from_utf8_lossy(self.take(len)?);
        if found != owner.plan {
            return Err(CheckpointError::OtherPlan { found: found.into(), expected: owner.plan.into() });
        }
        if self.take(DIGEST_LEN)? != owner.run {
            return Err(CheckpointError::OtherRun);
        }
        Ok(())
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], CheckpointError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(CheckpointError::Damaged)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CheckpointError> {
        Ok(self.take(N)?.try_into().expect("as many bytes as were asked for"))
    }

    fn u32(&mut self) -> Result<u32, CheckpointError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, CheckpointError> {
        self.array().map(u64::from_le_bytes)
    }

    fn len(&mut self) -> Result<usize, CheckpointError> {
        usize::try_from(self.u64()?).map_err(|_| CheckpointError::Damaged)
    }

    fn doubles(&mut self) -> Result<Vec<f64>, CheckpointError> {
        let len = self.len()?.checked_mul(size_of::<f64>()).ok_or(CheckpointError::Damaged)?;
        let (doubles, _) = self.take(len)?.as_chunks();
        Ok(doubles.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
    }

    fn floats(&mut self) -> Result<Floats<'a>, CheckpointError> {
        let len = self.len()?.checked_mul(size_of::<f32>()).ok_or(CheckpointError::Damaged)?;
        Ok(Floats(self.take(len)?.as_chunks().0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OWNER: Owner<'_> = Owner { plan: "plan", run: [7; 32] };

    const VALUES: [f64; 3] = [0.1 + 0.2, f64::MIN_POSITIVE, -0.0];

    fn parts() -> [Vec<f32>; 4] {
        [vec![1.0, -0.0, f32::MIN_POSITIVE / 2.0], vec![0.1; 5], vec![0.5; 3], Vec::new()]
    }

    fn blob() -> Vec<u8> {
        let parts = parts();
        let mut writer = Writer::new(OWNER, &VALUES, parts.iter().map(Vec::len).sum());
        let room = writer.bytes.capacity();
        parts.iter().for_each(|part| writer.floats(part));
        let blob = writer.finish();
        assert!(blob.len() <= room, "{} of {room} bytes", blob.len());
        blob
    }

    #[test]
    fn a_state_comes_back_bit_for_bit() {
        let blob = blob();
        let back = decode(OWNER, &blob).unwrap();
        let bits = |values: &[f32]| -> Vec<u32> { values.iter().map(|v| v.to_bits()).collect() };
        let found = [back.slab, back.optimizer, back.average, back.best_slab];
        for (found, expected) in found.iter().zip(parts()) {
            assert_eq!(found.len(), expected.len());
            assert_eq!(bits(&found.to_vec()), bits(&expected));
        }
        assert_eq!(
            back.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>(),
            VALUES.map(f64::to_bits),
            "the sign of zero included"
        );
    }

    #[test]
    fn foreign_blobs_are_told_apart() {
        let blob = blob();
        assert_eq!(decode(OWNER, b""), Err(CheckpointError::NotACheckpoint));
        assert_eq!(decode(OWNER, b"PK\x03\x04 something else"), Err(CheckpointError::NotACheckpoint));
        assert_eq!(decode(Owner { run: [8; 32], ..OWNER }, &blob), Err(CheckpointError::OtherRun));
        assert_eq!(
            decode(Owner { plan: "other", ..OWNER }, &blob),
            Err(CheckpointError::OtherPlan { found: "plan".into(), expected: "other".into() })
        );
        let mut newer = blob.clone();
        newer[8] = 9;
        assert_eq!(decode(OWNER, &newer), Err(CheckpointError::Version { found: 9, expected: 2 }));
    }

    #[test]
    fn every_truncation_is_noticed() {
        let blob = blob();
        for len in 0..blob.len() {
            assert!(decode(OWNER, &blob[..len]).is_err(), "{len} of {} bytes", blob.len());
        }
    }

    proptest! {
        #[test]
        fn every_flipped_bit_is_noticed(position in 0..8 * 100usize) {
            let mut blob = blob();
            let byte = position / 8 % blob.len();
            blob[byte] ^= 1 << (position % 8);
            prop_assert!(decode(OWNER, &blob).is_err());
        }

        #[test]
        fn any_bytes_are_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut blob = MAGIC.to_vec();
            blob.extend(FORMAT.to_le_bytes());
            blob.extend(bytes);
            let digest = Sha256::digest(&blob);
            blob.extend(digest);
            prop_assert!(decode(OWNER, &blob).is_err());
        }
    }
}
