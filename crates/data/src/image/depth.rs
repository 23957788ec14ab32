//! Values of 16 bits as bytes.

/// Bits that cameras and scanners use of the 16 that a file has room for.
const WIDTHS: [u32; 3] = [8, 12, 16];

/// Bytes of an image of 16-bit values, `channels` to a pixel, the last of them `alpha` if that is there, and how many
/// bits its colours use. The smallest of [8, 12, 16 bits](WIDTHS) that hold the largest colour become the 8 bits: a file of 12-bit values would
/// be nearly black otherwise. Alpha uses all 16.
pub(super) fn to_bytes(values: impl Iterator<Item = u16> + Clone, channels: usize, alpha: bool) -> (Vec<u8>, u32) {
    let colours = channels - usize::from(alpha);
    let values = values.enumerate();
    let is_colour = |place: usize| place % channels < colours;
    let largest = values.clone().filter(|(place, _)| is_colour(*place)).map(|(_, value)| value).max();
    let holds = |bits: &&u32| largest.is_some_and(|largest| largest > 0 && u32::from(largest) >> **bits == 0);
    let bits = WIDTHS.iter().find(holds).copied().unwrap_or(16);
    let shift = |place: usize| if is_colour(place) { bits - 8 } else { 8 };
    (values.map(|(place, value)| (value >> shift(place)) as u8).collect(), bits)
}
