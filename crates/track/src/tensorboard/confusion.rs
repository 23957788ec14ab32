//! A confusion matrix as a picture.

use tunefork_study::Metrics;

use crate::Picture;

/// About as many pixels is it wide and high.
const SIDE: usize = 320;

/// A cell's colour if none and if all images of its row are in it.
const NONE: [f64; 3] = [247.0, 251.0, 255.0];
const ALL: [f64; 3] = [8.0, 48.0, 107.0];

/// The matrix with a row for each class and a column for what its images were taken for, the darker the larger the share of the row.
/// Nothing where none was kept.
pub(super) fn image(tag: &str, metrics: &Metrics) -> Option<Picture> {
    let shares = shares(metrics)?;
    let cell = (SIDE / shares.len()).max(1);
    let side = cell * shares.len();
    let colour = |share: f64| [0, 1, 2].map(|channel| (NONE[channel] + (ALL[channel] - NONE[channel]) * share) as u8);
    let pixels: Vec<u8> =
        (0..side * side).flat_map(|pixel| colour(shares[pixel / side / cell][pixel % side / cell])).collect();
    Picture::new(tag, side as u32, side as u32, &pixels)
}

/// The share of each class's images in each cell of its row, classes in the order in which they are told.
fn shares(metrics: &Metrics) -> Option<Vec<Vec<f64>>> {
    let mut classes: Vec<&str> = Vec::new();
    for ((class, _), _) in &metrics.per_class {
        if classes.last() != Some(&class.as_str()) {
            classes.push(class);
        }
    }
    if classes.is_empty() || metrics.confusion.is_empty() {
        return None;
    }
    let place = |class: &str| classes.iter().position(|other| *other == class);
    let mut counts = vec![vec![0.0; classes.len()]; classes.len()];
    for ((actual, taken), count) in &metrics.confusion {
        counts[place(actual)?][place(taken)?] += count;
    }
    for row in &mut counts {
        let all: f64 = row.iter().sum();
        row.iter_mut().for_each(|count| *count /= all.max(1.0));
    }
    Some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_darker_the_larger_the_share() {
        let mut metrics = Metrics::default();
        assert!(image("confusion", &metrics).is_none());
        for (name, value) in
            [("f1/a", 1.0), ("f1/b", 0.5), ("confusion/a/a", 4.0), ("confusion/b/a", 1.0), ("confusion/b/b", 1.0)]
        {
            metrics.insert(name.to_owned(), value);
        }
        assert_eq!(shares(&metrics).unwrap(), [[1.0, 0.0], [0.5, 0.5]]);
        let picture = image("confusion", &metrics).unwrap();
        assert_eq!((picture.width, picture.height), (320, 320));
        let mut reader = png::Decoder::new(std::io::Cursor::new(&picture.png)).read_info().unwrap();
        let mut pixels = vec![0; 320 * 320 * 3];
        reader.next_frame(&mut pixels).unwrap();
        let at = |x: usize, y: usize| &pixels[(y * 320 + x) * 3..][..3];
        assert_eq!((at(0, 0), at(319, 0), at(0, 319)), (&[8, 48, 107][..], &[247, 251, 255][..], at(319, 319)));
    }
}
