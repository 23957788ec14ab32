//! Images that the best trial takes for something else.

use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Serialize};
use tunefork_report::Mistake;
use tunefork_train::Images;

use super::RunFolder;
use crate::Error;
use crate::files::write_atomically;
use crate::pictures::picture;

/// Largest `mistakes.json` that is read: pictures of the largest images that a network may read take less.
const MAX_BYTES: u64 = 1 << 28;

/// Pictures that are kept: more of them nobody looks at.
const MOST: usize = 24;

/// Together they are no larger than this, so that a report stays a page that can be mailed.
const MOST_BYTES: usize = 512 << 10;

/// The validation images of which the best trial is surest that they are what they are not. Test images stay unseen.
///
/// They are kept in `mistakes.json`, for they cannot be made again from the database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mistakes {
    /// Number of the trial that was the best.
    pub trial: u32,
    images: Vec<Picture>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Picture {
    actual: String,
    taken: String,
    probability: f64,
    /// Base64.
    png: String,
}

impl Mistakes {
    /// The mistakes among these images, the surest first. There is a row of probabilities, one of each class, for each index.
    pub(crate) fn new(trial: u32, images: &Images, indices: &[u32], probabilities: &[f32]) -> Self {
        let data = &images.data;
        let rows = indices.iter().zip(probabilities.chunks_exact(data.classes().len()));
        let mut wrong: Vec<(u32, usize, f32)> = rows
            .filter_map(|(index, row)| {
                let (taken, share) = row.iter().copied().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
                (taken != usize::from(data.label(*index))).then_some((*index, taken, share))
            })
            .collect();
        wrong.sort_by(|(a, _, p), (b, _, q)| q.total_cmp(p).then(a.cmp(b)));
        let name = |class: usize| data.classes()[class].clone();
        let mut room = MOST_BYTES;
        let pictures = wrong.into_iter().take(MOST).map_while(|(index, taken, share)| {
            let png = picture(data, index)?.png;
            room = room.checked_sub(png.len())?;
            let actual = name(data.label(index).into());
            Some(Picture { actual, taken: name(taken), probability: share.into(), png: BASE64_STANDARD.encode(png) })
        });
        Self { trial, images: pictures.collect() }
    }

    /// What the file holds; nothing where it is missing or damaged.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&tunefork_atomic_file::read(path, MAX_BYTES).ok()?).ok()
    }

    /// Those of a run, if they are of this trial.
    pub(crate) fn of(folder: &RunFolder, trial: u32) -> Option<Self> {
        Self::read(&folder.mistakes()).filter(|mistakes| mistakes.trial == trial)
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(self).expect("plain values can be written") + "\n";
        write_atomically(path, text.as_bytes())
    }

    /// As a report shows them.
    pub(crate) fn told(self) -> Vec<Mistake> {
        let told = self.images.into_iter().filter_map(|picture| {
            let png = BASE64_STANDARD.decode(picture.png).ok()?;
            Some(Mistake { actual: picture.actual, taken: picture.taken, probability: picture.probability, png })
        });
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tunefork_data::{Dataset, Image, Normalisation};

    use super::*;

    #[test]
    fn the_surest_mistakes_come_first_and_are_kept() {
        let classes = vec!["cat".to_owned(), "dog".to_owned()];
        let pixels = (0..16).collect();
        let data = Dataset::from_memory(Image::new(2, 2, 1), classes, [4, 0, 0], vec![0, 0, 1, 1], pixels).unwrap();
        let images = Images { data: Arc::new(data), normalisation: Normalisation::new(&[0.0], &[1.0]).unwrap() };
        // The second and the third are mistakes, and of the third it is surer.
        let mistakes = Mistakes::new(7, &images, &[0, 1, 2, 3], &[0.9, 0.1, 0.4, 0.6, 0.8, 0.2, 0.1, 0.9]);
        let folder = tempfile::tempdir().unwrap();
        let folder = RunFolder::new(folder.path());
        assert_eq!(Mistakes::of(&folder, 7), None);
        mistakes.write(&folder.mistakes()).unwrap();
        assert_eq!(Mistakes::of(&folder, 6), None, "they are another trial's");
        let told = Mistakes::of(&folder, 7).unwrap().told();
        let named: Vec<_> = told.iter().map(|mistake| (mistake.actual.as_str(), mistake.taken.as_str())).collect();
        assert_eq!(named, [("dog", "cat"), ("cat", "dog")]);
        let mut reader = png::Decoder::new(std::io::Cursor::new(&told[0].png)).read_info().unwrap();
        let mut pixels = [0; 4];
        reader.next_frame(&mut pixels).unwrap();
        assert_eq!(pixels, [8, 9, 10, 11]);
    }
}
