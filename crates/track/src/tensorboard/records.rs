//! The frame of event files: records, each with its length and two checksums.

/// CRC-32C (Castagnoli) of each byte: polynomial 0x1EDC6F41, reflected.
const CRC: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (0x82F6_3B78 & (crc & 1).wrapping_neg());
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| (crc >> 8) ^ CRC[((crc ^ u32::from(*byte)) & 0xFF) as usize])
}

/// The checksum as records have it: masked, as sums of data that hold sums are treacherous.
fn masked(bytes: &[u8]) -> [u8; 4] {
    crc(bytes).rotate_right(15).wrapping_add(0xA282_EAD8).to_le_bytes()
}

/// A record: length, its checksum, the data, their checksum.
pub(super) fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked(&length), data, &masked(data)].concat()
}

/// The records of a file up to the first that is torn or spoilt, and how many bytes they take.
pub(super) fn records(mut bytes: &[u8]) -> (Vec<&[u8]>, usize) {
    let all = bytes.len();
    let mut records = Vec::new();
    while let Some((data, rest)) = split(bytes) {
        records.push(data);
        bytes = rest;
    }
    (records, all - bytes.len())
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let data = rest.get(..usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let (data_sum, rest) = rest[data.len()..].split_first_chunk::<4>()?;
    (*sum == masked(length) && *data_sum == masked(data)).then_some((data, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_crc_32c() {
        assert_eq!(crc(b"123456789"), 0xE306_9283);
        assert_eq!(crc(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc(b""), 0);
    }

    /// The first record of every event file that TensorBoard has written: wall time 0, `brain.Event:2`.
    #[test]
    fn a_record_is_framed_as_by_tensorboard() {
        let data = b"\x1a\x0dbrain.Event:2";
        let framed = record(data);
        assert_eq!(framed.len(), 8 + 4 + data.len() + 4);
        assert_eq!(framed[..8], [15, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(&framed[12..27], data);
        assert_eq!(framed[8..12], masked(&framed[..8]));
    }

    #[test]
    fn torn_and_spoilt_records_end_a_file() {
        let whole = [record(b"one"), record(b""), record(b"three")].concat();
        assert_eq!(records(&whole), (vec![&b"one"[..], b"", b"three"], whole.len()));
        let two = whole.len() - record(b"three").len();
        for cut in two..whole.len() {
            assert_eq!(records(&whole[..cut]), (vec![&b"one"[..], b""], two), "{cut}");
        }
        for spoilt in two..whole.len() {
            let mut bytes = whole.clone();
            bytes[spoilt] ^= 1;
            assert_eq!(records(&bytes).1, two, "{spoilt}");
        }
        assert_eq!(records(b""), (vec![], 0));
    }
}
