//! Digests of images, by which equal ones are found and a whole set is known again.

use sha2::{Digest, Sha256};

use crate::Dataset;

/// The digest of an image's pixels: the first 64 bits of their SHA-256.
pub(crate) fn of_image(pixels: &[u8]) -> u64 {
    let digest = Sha256::digest(pixels);
    u64::from_le_bytes(std::array::from_fn(|place| digest[place]))
}

/// The digest of a whole set: shape, classes, parts, labels and the images' digests.
pub(crate) fn of_set(data: &Dataset) -> String {
    let mut digest = Sha256::new();
    let counts = crate::Part::ALL.map(|part| data.part(part).len());
    digest.update(format!("{:?} {:?} {counts:?}", data.shape(), data.classes()));
    for (label, image) in data.labels().iter().zip(data.digests()) {
        digest.update(label.to_le_bytes());
        digest.update(image.to_le_bytes());
    }
    base16ct::lower::encode_string(&digest.finalize()[..8])
}

/// For every image the number of the first image with equal pixels, its own if there is none
/// before it.
pub(crate) fn first_equals(data: &Dataset) -> Vec<u32> {
    let digests = data.digests();
    let mut order: Vec<u32> = (0..data.len() as u32).collect();
    order.sort_unstable_by_key(|image| (digests[*image as usize], *image));
    let mut firsts: Vec<u32> = (0..data.len() as u32).collect();
    for run in order.chunk_by(|a, b| digests[*a as usize] == digests[*b as usize]) {
        // Equal digests are hardly ever those of different images, but that costs only a look.
        let mut different: Vec<u32> = Vec::new();
        for image in run {
            let is_equal = |first: &&u32| data.pixels(**first) == data.pixels(*image);
            match different.iter().find(is_equal) {
                Some(first) => firsts[*image as usize] = *first,
                None => different.push(*image),
            }
        }
    }
    firsts
}
