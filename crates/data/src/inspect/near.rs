//! Images that look alike: the same photo cut, scaled, brightened or compressed once more.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use crate::image::{Fit, Picture};
use crate::{Image, parallel};

/// Height and width of what is compared.
const SIDE: usize = 16;
/// Squares of this side are summed up, to pass over most pairs without a look at their pixels.
const SQUARE: usize = 4;
const SQUARES: usize = (SIDE / SQUARE).pow(2);
/// As many images are taken by a thread at a time.
const BLOCK: usize = 256;

/// What an image looks like from afar.
#[derive(Debug)]
pub(crate) struct Thumbnail {
    grey: [u8; SIDE * SIDE],
    /// Sums over the grey values of the squares.
    squares: [i32; SQUARES],
    /// The sum of all grey values.
    sum: i32,
    /// Sums over red, green and blue.
    colour: [i32; 3],
}

impl Thumbnail {
    pub(crate) fn of(picture: Picture) -> Self {
        let channels = picture.channels;
        let pixels = picture.fit(Image::new(SIDE, SIDE, channels), Fit::Stretch);
        let mut colour = [0; 3];
        for pixel in pixels.chunks_exact(channels) {
            (0..3).for_each(|channel| colour[channel] += i32::from(pixel[channel % channels]));
        }
        let small = Picture { height: SIDE, width: SIDE, channels, pixels };
        let grey = small.fit(Image::new(SIDE, SIDE, 1), Fit::Stretch);
        let mut squares = [0; SQUARES];
        for (place, value) in grey.iter().enumerate() {
            let (row, column) = (place / SIDE / SQUARE, place % SIDE / SQUARE);
            squares[row * (SIDE / SQUARE) + column] += i32::from(*value);
        }
        let grey = grey.try_into().expect("a thumbnail has that many pixels");
        Self { grey, squares, sum: squares.iter().sum(), colour }
    }

    /// Whether the root of the mean squared difference in grey is at most `levels`, and the mean of each colour differs by no more.
    fn is_near(&self, other: &Self, levels: u8) -> bool {
        let levels = i32::from(levels);
        let limit = levels * levels * (SIDE * SIDE) as i32;
        let squared = |difference: i32| difference * difference;
        // By Cauchy and Schwarz a square's summed difference, squared, is at most its pixels times their squared differences.
        let squares = self.squares.iter().zip(&other.squares).map(|(a, b)| squared(a - b));
        if squares.sum::<i32>() > limit * (SQUARE * SQUARE) as i32 {
            return false;
        }
        let colours = self.colour.iter().zip(&other.colour);
        if colours.into_iter().any(|(a, b)| (a - b).abs() > levels * (SIDE * SIDE) as i32) {
            return false;
        }
        let pixels = self.grey.iter().zip(&other.grey);
        pixels.map(|(a, b)| squared(i32::from(*a) - i32::from(*b))).sum::<i32>() <= limit
    }
}

/// All pairs that are near each other, by their places, in order. `progress` is told how many thumbnails have been compared.
pub(crate) fn pairs(
    thumbnails: &[&Thumbnail],
    levels: u8,
    threads: usize,
    progress: impl FnMut(usize),
) -> Vec<[usize; 2]> {
    let mut order: Vec<usize> = (0..thumbnails.len()).collect();
    order.sort_by_key(|place| thumbnails[*place].sum);
    // The means of two images differ by no more than the root of their mean squared difference.
    let reach = i32::from(levels) * (SIDE * SIDE) as i32;
    let found = Mutex::new(Vec::new());
    let compare = |starts: Range<usize>| {
        let mut near = Vec::new();
        for start in starts {
            let (first, others) = (order[start], &order[start + 1..]);
            let last = thumbnails[first].sum + reach;
            let others = others.iter().take_while(|other| thumbnails[**other].sum <= last);
            let others = others.filter(|other| thumbnails[first].is_near(thumbnails[**other], levels));
            near.extend(others.map(|other| [first.min(*other), first.max(*other)]));
        }
        found.lock().unwrap_or_else(PoisonError::into_inner).extend(near);
    };
    parallel::in_blocks(threads, order.len(), BLOCK, compare, progress);
    let mut pairs = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    pairs.sort_unstable();
    pairs
}

/// Joins what is connected by pairs: for each of `count` places the lowest that it is connected with.
pub(crate) fn joined(count: usize, pairs: &[[usize; 2]]) -> Vec<usize> {
    fn root(first: &mut [usize], mut place: usize) -> usize {
        while first[place] != place {
            first[place] = first[first[place]];
            place = first[place];
        }
        place
    }
    let mut first: Vec<usize> = (0..count).collect();
    for pair in pairs {
        let [a, b] = pair.map(|place| root(&mut first, place));
        first[a.max(b)] = a.min(b);
    }
    (0..count).map(|place| root(&mut first, place)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn thumbnail(pixels: Vec<u8>, channels: usize) -> Thumbnail {
        Thumbnail::of(Picture { height: SIDE, width: SIDE, channels, pixels })
    }

    proptest! {
        /// What is passed over for its sums is not near by its pixels.
        #[test]
        fn no_near_pair_is_passed_over(
            base in prop::collection::vec(any::<u8>(), SIDE * SIDE),
            changes in prop::collection::vec(prop::collection::vec(-6..=6_i16, SIDE * SIDE), 1..8),
            shift in -4..=4_i16,
            levels in 0..8_u8,
        ) {
            let changed = |change: &Vec<i16>| base.iter().zip(change).map(|(a, b)| (i16::from(*a) + b + shift).clamp(0, 255) as u8).collect();
            let all: Vec<Vec<u8>> = std::iter::once(base.clone()).chain(changes.iter().map(changed)).collect();
            let mut plain = Vec::new();
            for (a, first) in all.iter().enumerate() {
                for (b, second) in all.iter().enumerate().skip(a + 1) {
                    let squares = first.iter().zip(second).map(|(x, y)| i64::from(x.abs_diff(*y)).pow(2)).sum::<i64>();
                    let root = (squares as f64 / (SIDE * SIDE) as f64).sqrt();
                    if root <= f64::from(levels) {
                        plain.push([a, b]);
                    }
                }
            }
            let thumbnails: Vec<Thumbnail> = all.into_iter().map(|pixels| thumbnail(pixels, 1)).collect();
            let thumbnails: Vec<&Thumbnail> = thumbnails.iter().collect();
            for threads in [1, 3] {
                prop_assert_eq!(&pairs(&thumbnails, levels, threads, |_| {}), &plain);
            }
        }
    }

    #[test]
    fn other_colours_of_the_same_grey_are_not_near() {
        let plain = |pixel: [u8; 3]| thumbnail(pixel.repeat(SIDE * SIDE), 3);
        // Both are 76 in grey.
        let (red, green) = (plain([255, 0, 0]), plain([0, 130, 0]));
        assert_eq!(red.grey, green.grey);
        assert!(!red.is_near(&green, 4) && red.is_near(&plain([252, 0, 0]), 4));
    }

    #[test]
    fn pairs_are_joined_to_groups() {
        assert_eq!(joined(6, &[[3, 4], [0, 3], [2, 5]]), [0, 1, 2, 0, 0, 2]);
    }
}
