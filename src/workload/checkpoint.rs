//! The checkpoint of a trial that is several trainings: theirs, one after another, behind a header.

use serde::{Deserialize, Serialize};
use tunefork_study::MemberReport;

/// What such a checkpoint begins with; the digit is the version of what follows.
const MAGIC: &[u8] = b"tunefork members 1\n";

#[derive(Debug, PartialEq)]
pub(super) struct Saved<Bytes> {
    /// Its last report, with all its figures.
    pub report: MemberReport,
    pub checkpoint: Bytes,
}

/// What stands in the header of one training.
#[derive(Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    report: MemberReport,
    bytes: usize,
}

/// All trainings that have begun, as bytes. Each is let go of when it was written.
pub(super) fn encode<Bytes: AsRef<[u8]>>(trainings: Vec<Saved<Bytes>>) -> Vec<u8> {
    let entry = |saved: &Saved<Bytes>| Entry { report: saved.report.clone(), bytes: saved.checkpoint.as_ref().len() };
    let entries: Vec<Entry> = trainings.iter().map(entry).collect();
    let header = serde_json::to_vec(&entries).expect("plain values can be written");
    let length = (header.len() as u64).to_le_bytes();
    let all: usize = entries.iter().map(|entry| entry.bytes).sum();
    let mut bytes = Vec::with_capacity(MAGIC.len() + length.len() + header.len() + all);
    for part in [MAGIC, &length, &header] {
        bytes.extend_from_slice(part);
    }
    for saved in trainings {
        bytes.extend_from_slice(saved.checkpoint.as_ref());
    }
    bytes
}

/// The trainings in such bytes; nothing if they are not whole or of another version.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<Saved<&[u8]>>> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (length, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (header, mut rest) = rest.split_at_checked(length)?;
    let entries: Vec<Entry> = serde_json::from_slice(header).ok()?;
    let mut trainings = Vec::new();
    for entry in entries {
        let checkpoint;
        (checkpoint, rest) = rest.split_at_checked(entry.bytes)?;
        trainings.push(Saved { report: entry.report, checkpoint });
    }
    rest.is_empty().then_some(trainings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tunefork_study::{Member, Metrics};

    #[test]
    fn trainings_come_back_whole_or_not_at_all() {
        let saved = |fold, checkpoint| Saved {
            report: MemberReport {
                member: Member { replicate: 3, fold },
                value: 1.0 / 3.0,
                metrics: Metrics { whole: vec![("loss".to_string(), f64::INFINITY)], ..Metrics::default() },
            },
            checkpoint,
        };
        let trainings = || vec![saved(0, &b"one"[..]), saved(1, &b""[..]), saved(2, &b"three"[..])];
        let bytes = encode(trainings());
        assert_eq!(decode(&bytes), Some(trainings()));
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end]), None, "the first {end} bytes");
        }
        assert_eq!(decode(&[&bytes[..], b"x"].concat()), None);
    }
}
