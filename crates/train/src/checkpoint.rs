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

/// Everything that a run carries from one epoch to the next.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct State {
    /// The value of each epoch so far.
    pub(crate) values: Vec<f64>,
    pub(crate) slab: Vec<f32>,
    pub(crate) optimizer: Vec<f32>,
    /// Empty unless weights are averaged.
    pub(crate) average: Vec<f32>,
    /// Empty unless the best epoch counts.
    pub(crate) best_slab: Vec<f32>,
}

/// Whose checkpoint it is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Owner<'a> {
    /// Key of the plan: graph, shapes, batch.
    pub(crate) plan: &'a str,
    /// Digest of settings, images and seed.
    pub(crate) run: [u8; DIGEST_LEN],
}

/// Writes a state.
pub(crate) fn encode(owner: Owner<'_>, state: &State) -> Vec<u8> {
    let parts = [
        &state.slab,
        &state.optimizer,
        &state.average,
        &state.best_slab,
    ];
    let values: usize = parts.iter().map(|part| part.len()).sum();
    let mut bytes =
        Vec::with_capacity(4 * values + 8 * state.values.len() + owner.plan.len() + 256);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&(owner.plan.len() as u64).to_le_bytes());
    bytes.extend_from_slice(owner.plan.as_bytes());
    bytes.extend_from_slice(&owner.run);
    bytes.extend_from_slice(&(state.values.len() as u64).to_le_bytes());
    for value in &state.values {
        bytes.extend_from_slice(&value.to_bits().to_le_bytes());
    }
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        part.iter()
            .for_each(|value| bytes.extend_from_slice(&value.to_bits().to_le_bytes()));
    }
    let digest = Sha256::digest(&bytes);
    bytes.extend_from_slice(&digest);
    bytes
}

/// Reads a state of this owner.
///
/// # Errors
/// If the blob is no checkpoint, damaged, of another format, or of somebody else.
pub(crate) fn decode(owner: Owner<'_>, bytes: &[u8]) -> Result<State, CheckpointError> {
    let mut reader = Reader { rest: bytes };
    if reader.take(MAGIC.len()) != Ok(MAGIC) {
        return Err(CheckpointError::NotACheckpoint);
    }
    let found = reader.u32()?;
    if found != FORMAT {
        return Err(CheckpointError::Version {
            found,
            expected: FORMAT,
        });
    }
    let (content, digest) = bytes
        .split_at_checked(bytes.len().saturating_sub(DIGEST_LEN))
        .ok_or(CheckpointError::Damaged)?;
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
        _ => Err(CheckpointError::Inconsistent {
            what: "bytes follow its end",
        }),
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
            return Err(CheckpointError::OtherPlan {
                found: found.into(),
                expected: owner.plan.into(),
            });
        }
        if self.take(DIGEST_LEN)? != owner.run {
            return Err(CheckpointError::OtherRun);
        }
        Ok(())
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], CheckpointError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(CheckpointError::Damaged)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CheckpointError> {
        Ok(self
            .take(N)?
            .try_into()
            .expect("as many bytes as were asked for"))
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
        let len = self
            .len()?
            .checked_mul(size_of::<f64>())
            .ok_or(CheckpointError::Damaged)?;
        let (doubles, _) = self.take(len)?.as_chunks();
        Ok(doubles
            .iter()
            .map(|bytes| f64::from_bits(u64::from_le_bytes(*bytes)))
            .collect())
    }

    fn floats(&mut self) -> Result<Vec<f32>, CheckpointError> {
        let len = self
            .len()?
            .checked_mul(size_of::<f32>())
            .ok_or(CheckpointError::Damaged)?;
        let (floats, _) = self.take(len)?.as_chunks();
        Ok(floats
            .iter()
            .map(|bytes| f32::from_bits(u32::from_le_bytes(*bytes)))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OWNER: Owner<'_> = Owner {
        plan: "plan",
        run: [7; 32],
    };

    fn state() -> State {
        State {
            values: vec![0.1 + 0.2, f64::MIN_POSITIVE, -0.0],
            slab: vec![1.0, -0.0, f32::MIN_POSITIVE / 2.0],
            optimizer: vec![0.1; 5],
            average: vec![0.5; 3],
            best_slab: Vec::new(),
        }
    }

    #[test]
    fn a_state_comes_back_bit_for_bit() {
        let blob = encode(OWNER, &state());
        let back = decode(OWNER, &blob).unwrap();
        assert_eq!(back, state());
        assert_eq!(encode(OWNER, &back), blob, "the sign of zero included");
    }

    #[test]
    fn foreign_blobs_are_told_apart() {
        let blob = encode(OWNER, &state());
        assert_eq!(decode(OWNER, b""), Err(CheckpointError::NotACheckpoint));
        assert_eq!(
            decode(OWNER, b"PK\x03\x04 something else"),
            Err(CheckpointError::NotACheckpoint)
        );
        assert_eq!(
            decode(
                Owner {
                    run: [8; 32],
                    ..OWNER
                },
                &blob
            ),
            Err(CheckpointError::OtherRun)
        );
        assert_eq!(
            decode(
                Owner {
                    plan: "other",
                    ..OWNER
                },
                &blob
            ),
            Err(CheckpointError::OtherPlan {
                found: "plan".into(),
                expected: "other".into()
            })
        );
        let mut newer = blob.clone();
        newer[8] = 9;
        assert_eq!(
            decode(OWNER, &newer),
            Err(CheckpointError::Version {
                found: 9,
                expected: 2
            })
        );
    }

    #[test]
    fn every_truncation_is_noticed() {
        let blob = encode(OWNER, &state());
        for len in 0..blob.len() {
            assert!(
                decode(OWNER, &blob[..len]).is_err(),
                "{len} of {} bytes",
                blob.len()
            );
        }
    }

    proptest! {
        #[test]
        fn every_flipped_bit_is_noticed(position in 0..8 * 100usize) {
            let mut blob = encode(OWNER, &state());
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
