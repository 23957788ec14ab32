//! How a transform is made, and done on the host.

use tunefork_graph::Transform;

use crate::{Image, Normalisation};

/// A mirror image, turned about the centre by an angle in radians, and shifted by so many pixels
/// to the left and upwards.
pub(super) fn moved(shape: Image, flip: bool, angle: f64, [right, down]: [f64; 2]) -> Transform {
    let (sin, cos) = (libm::sin(angle), libm::cos(angle));
    let mirror = if flip { -1.0 } else { 1.0 };
    let [x, y] = [shape.width, shape.height].map(|pixels| (pixels as f64 - 1.0) / 2.0);
    let units = |numbers: [f64; 3]| numbers.map(|number| (number * 65_536.0).round() as i32);
    Transform {
        column: units([cos * mirror, -sin, x - cos * mirror * x + sin * y + right]),
        row: units([sin * mirror, cos, y - sin * mirror * x - cos * y + down]),
        ..Transform::NONE
    }
}

/// Erases a square about a centre (row, column), as far as it lies in the image.
pub(super) fn erase(transform: &mut Transform, shape: Image, [row, column]: [u64; 2], side: u64) {
    let part = |centre: u64, pixels: usize| {
        let end = (centre + side.div_ceil(2)).min(pixels as u64);
        [centre.saturating_sub(side / 2) as u32, end as u32]
    };
    let [[top, bottom], [left, right]] = [part(row, shape.height), part(column, shape.width)];
    transform.erased = [top, bottom, left, right];
}

impl Normalisation {
    /// Writes the changed and normalised image: `pixels` and `out` are rows of pixels, channels
    /// innermost. [`Transform::NONE`] gives what [`apply`](Self::apply) gives.
    ///
    /// # Panics
    /// If a length is not that of an image of this shape, or the normalisation has other channels.
    pub fn apply_changed(&self, transform: &Transform, pixels: &[u8], shape: Image, out: &mut [f32]) {
        let source = SourceImage { pixels, shape, tables: self.tables() };
        assert_eq!(pixels.len(), shape.elements(), "bytes of an image");
        assert_eq!(out.len(), shape.elements(), "values of an image");
        assert_eq!(source.tables.len(), shape.channels, "channels");
        match shape.channels {
            1 => place::<1>(transform, &source, out),
            _ => place::<3>(transform, &source, out),
        }
        if transform.gain != 1.0 || transform.offset != 0.0 {
            relight(transform, &source, out);
        }
        let [top, bottom, left, right] = transform.erased.map(|edge| edge as usize);
        for row in top..bottom {
            let start = row * shape.width;
            out[(start + left) * shape.channels..(start + right) * shape.channels].fill(0.0);
        }
    }
}

/// Takes every value from its place.
fn place<const C: usize>(transform: &Transform, source: &SourceImage<'_>, out: &mut [f32]) {
    let (fraction, width) = (Transform::PIXEL - 1, source.shape.width);
    let numbers = [transform.column, transform.row];
    let whole = numbers.iter().flatten().all(|number| number & fraction == 0);
    for (y, out) in out.chunks_exact_mut(width * C).enumerate() {
        let [mut column, mut row] = numbers.map(|[_, down, start]| down * y as i32 + start);
        for values in out.as_chunks_mut::<C>().0 {
            let [x, y] = [column >> 16, row >> 16];
            *values = match whole || (column | row) & fraction == 0 {
                true => source.value::<C>(x, y),
                false => source.between::<C>(x, y, [column, row].map(|at| (at & fraction) >> 8)),
            };
            column += transform.column[0];
            row += transform.row[0];
        }
    }
}

fn relight(transform: &Transform, source: &SourceImage<'_>, out: &mut [f32]) {
    for (channel, table) in source.tables.iter().enumerate() {
        let (black, white) = (table[0], table[255]);
        let offset = transform.offset * (white - black);
        for value in out.iter_mut().skip(channel).step_by(source.tables.len()) {
            *value = (*value * transform.gain + offset).clamp(black, white);
        }
    }
}

/// The image that values are taken from.
struct SourceImage<'a> {
    pixels: &'a [u8],
    shape: Image,
    tables: &'a [[f32; 256]],
}

impl SourceImage<'_> {
    /// The bytes at a place; black outside of the image.
    fn pixel<const C: usize>(&self, x: i32, y: i32) -> [u8; C] {
        let Image { height, width, .. } = self.shape;
        // Negative places become large ones.
        let (x, y) = (x as u32 as usize, y as u32 as usize);
        match x < width && y < height {
            true => self.pixels.as_chunks().0[y * width + x],
            false => [0; C],
        }
    }

    fn value<const C: usize>(&self, x: i32, y: i32) -> [f32; C] {
        let bytes = self.pixel::<C>(x, y);
        std::array::from_fn(|channel| self.tables[channel][usize::from(bytes[channel])])
    }

    /// The value between a place and its neighbours to the right and below, from how far to go in
    /// units of 1/256.
    fn between<const C: usize>(&self, x: i32, y: i32, [right, down]: [i32; 2]) -> [f32; C] {
        let corners = [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)];
        let corners = corners.map(|(x, y)| self.pixel::<C>(x, y));
        let weights = [(256 - right) * (256 - down), right * (256 - down), (256 - right) * down, right * down];
        std::array::from_fn(|channel| {
            let bytes = corners.map(|corner| i32::from(corner[channel]));
            let sum: i32 = bytes.iter().zip(weights).map(|(byte, weight)| byte * weight).sum();
            let (black, white) = (self.tables[channel][0], self.tables[channel][255]);
            // At most 24 bits, so exact as a float.
            black + sum as f32 * ((white - black) * (1.0 / (255.0 * 65_536.0)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An image of 4 by 3 pixels with one byte for each place.
    fn image() -> (Vec<u8>, Image, Normalisation) {
        let shape = Image::new(3, 4, 1);
        let normalisation = Normalisation::new(&[0.0], &[1.0 / 255.0]).unwrap();
        ((10..22).collect(), shape, normalisation)
    }

    fn applied(transform: &Transform) -> Vec<f32> {
        let (pixels, shape, normalisation) = image();
        let mut out = vec![f32::NAN; pixels.len()];
        normalisation.apply_changed(transform, &pixels, shape, &mut out);
        out.iter().map(|value| (value * 1000.0).round() / 1000.0).collect()
    }

    fn moved(flip: bool, degrees: f64, shift: [f64; 2]) -> Vec<f32> {
        let (_, shape, _) = image();
        applied(&super::moved(shape, flip, degrees.to_radians(), shift))
    }

    #[test]
    fn nothing_happens_where_nothing_should() {
        for channels in [1, 3] {
            let shape = Image::new(5, 4, channels);
            let numbers = vec![0.3; channels];
            let normalisation = Normalisation::new(&numbers, &numbers).unwrap();
            let pixels: Vec<u8> = (0..shape.elements()).map(|at| (at * 37 % 256) as u8).collect();
            let (mut plain, mut out) = (vec![0.0; pixels.len()], vec![1.0; pixels.len()]);
            normalisation.apply(&pixels, channels, &mut plain);
            normalisation.apply_changed(&Transform::NONE, &pixels, shape, &mut out);
            assert_eq!(out, plain);
        }
    }

    #[test]
    fn images_are_mirrored_shifted_and_turned() {
        #[rustfmt::skip]
        let mirrored = [
            13.0, 12.0, 11.0, 10.0,
            17.0, 16.0, 15.0, 14.0,
            21.0, 20.0, 19.0, 18.0,
        ];
        assert_eq!(moved(true, 0.0, [0.0, 0.0]), mirrored);
        #[rustfmt::skip]
        let shifted = [
            0.0, 0.0, 0.0, 0.0,
            11.0, 12.0, 13.0, 0.0,
            15.0, 16.0, 17.0, 0.0,
        ];
        assert_eq!(moved(false, 0.0, [1.0, -1.0]), shifted);
        let reversed: Vec<f32> = (10..22).rev().map(|byte| byte as f32).collect();
        assert_eq!(moved(false, 180.0, [0.0, 0.0]), reversed);
        // A quarter turn of 4 by 3 pixels about their centre falls between pixels.
        let quarter = moved(false, 90.0, [0.0, 0.0]);
        assert_eq!(quarter[5], (11.0 + 12.0 + 15.0 + 16.0) / 4.0);
    }

    #[test]
    fn half_a_pixel_is_the_mean_of_two() {
        let half = Transform { column: [Transform::PIXEL, 0, Transform::PIXEL / 2], ..Transform::NONE };
        assert_eq!(applied(&half)[..4], [10.5, 11.5, 12.5, 6.5]);
    }

    #[test]
    fn light_stays_between_black_and_white() {
        let brighter = Transform { gain: 2.0, offset: 0.1, ..Transform::NONE };
        assert_eq!(applied(&brighter)[0], 45.5);
        assert_eq!(applied(&Transform { gain: 2.0, ..Transform::NONE })[0], 20.0);
        assert_eq!(applied(&Transform { offset: 0.1, ..Transform::NONE })[0], 35.5);
        let dazzling = Transform { offset: 2.0, ..Transform::NONE };
        assert_eq!(applied(&dazzling)[0], 255.0);
    }

    #[test]
    fn squares_are_erased_as_far_as_they_lie_inside() {
        let erased = |centre, side| {
            let (_, shape, _) = image();
            let mut transform = Transform::NONE;
            erase(&mut transform, shape, centre, side);
            let out = applied(&transform);
            let gone = (0..out.len()).filter(|at| out[*at] == 0.0);
            gone.map(|at| (at / 4, at % 4)).collect::<Vec<_>>()
        };
        assert_eq!(erased([1, 2], 1), [(1, 2)]);
        assert_eq!(erased([1, 2], 2), [(0, 1), (0, 2), (1, 1), (1, 2)]);
        assert_eq!(erased([0, 0], 3), [(0, 0), (0, 1), (1, 0), (1, 1)]);
        assert_eq!(erased([2, 3], 100).len(), 12);
    }
}
