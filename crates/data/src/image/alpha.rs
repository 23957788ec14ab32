//! Transparent parts laid over white, as image viewers show them.

/// Pixels of which the last of `stored` channels is alpha, without that one.
pub(super) fn over_white(stored: usize, raw: &[u8]) -> Vec<u8> {
    match stored {
        2 => each::<2>(raw, |colour, alpha| colour * alpha),
        _ => each::<4>(raw, |colour, alpha| colour * alpha),
    }
}

/// The same where the file's colours are multiplied by alpha already.
#[cfg(feature = "tiff")]
pub(super) fn multiplied_over_white(stored: usize, raw: &[u8]) -> Vec<u8> {
    match stored {
        2 => each::<2>(raw, |colour, alpha| 255 * colour.min(alpha)),
        _ => each::<4>(raw, |colour, alpha| 255 * colour.min(alpha)),
    }
}

/// Pixels of `N` channels, the last of them alpha; `seen` is what is seen of a colour, in 1/255.
fn each<const N: usize>(raw: &[u8], seen: impl Fn(u32, u32) -> u32) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(raw.len() / N * (N - 1));
    for pixel in raw.chunks_exact(N) {
        let alpha = u32::from(pixel[N - 1]);
        for colour in &pixel[..N - 1] {
            let laid = seen(u32::from(*colour), alpha) + 255 * (255 - alpha);
            // Rounded division by 255; at most 255.
            pixels.push(((laid + 127) / 255) as u8);
        }
    }
    pixels
}
