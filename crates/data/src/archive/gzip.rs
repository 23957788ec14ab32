//! Gzip streams as gzip(1) reads them: one behind the other, with zeros behind the last, as tapes and downloads leave them.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// Unpacks all members of a stream.
pub(crate) struct Gunzip<R>(Option<GzDecoder<R>>);

impl<R: BufRead> Gunzip<R> {
    pub(crate) fn new(packed: R) -> Self {
        Self(Some(GzDecoder::new(packed)))
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.0 {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            self.0 = self.0.take().map(GzDecoder::into_inner).map(behind_zeros).transpose()?.flatten();
        }
        Ok(0)
    }
}

/// The next member of a stream, if anything but zeros comes.
fn behind_zeros<R: BufRead>(mut packed: R) -> io::Result<Option<GzDecoder<R>>> {
    loop {
        let bytes = packed.fill_buf()?;
        let (length, zeros) = (bytes.len(), bytes.iter().take_while(|byte| **byte == 0).count());
        packed.consume(zeros);
        match (length, zeros < length) {
            (0, _) => return Ok(None),
            (_, true) => return Ok(Some(GzDecoder::new(packed))),
            (_, false) => {}
        }
    }
}
