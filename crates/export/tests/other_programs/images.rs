//! Images to look at: photos of cats and dogs where they are at hand, else drawn ones.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tunefork_data::{Dataset, Fit, Generated, Image, Normalisation, Pictures, PrepareOptions, Source};
use tunefork_train::Images;

/// How many images of each shape.
pub(crate) const COUNT: usize = 48;
/// Sizes of photos that have to be resized: made smaller, with a part in the middle that does not begin at a whole pixel, and made larger.
pub(crate) const PHOTOS: [Image; 2] = [Image::new(91, 120, 3), Image::new(21, 15, 3)];

/// The folder of real sets, if the photos are in it.
fn photos() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let named = std::env::var_os("TUNEFORK_DATA").map(PathBuf::from);
    let folder = named.into_iter().chain([beside]).find(|folder| folder.join("cats-dogs").is_dir());
    if folder.is_none() {
        let required = std::env::var_os("TUNEFORK_REQUIRE_DATA").is_some();
        assert!(!required, "no folder `cats-dogs` in TUNEFORK_DATA or ../shared/data");
        println!("on drawn images: no folder `cats-dogs` in TUNEFORK_DATA or ../shared/data");
    }
    folder
}

/// Images of a shape, and labels of two classes.
pub(crate) fn images(shape: Image, cache: &Path) -> Images {
    let Image { height, width, channels } = shape;
    let Some(folder) = photos() else {
        let generated = Generated { height, width, channels, classes: 2, train: 400, test: 0, ..Generated::default() };
        return with_normalisation(generated.draw().unwrap());
    };
    let options = PrepareOptions {
        size: Some((height, width)),
        channels: Some(channels),
        cache: Some(cache.to_path_buf()),
        ..PrepareOptions::default()
    };
    let source = Source::locate("cats-dogs", Some(&folder)).unwrap();
    with_normalisation(source.open(&options, &mut |_| {}).unwrap().data)
}

fn with_normalisation(data: Dataset) -> Images {
    let all: Vec<u32> = (0..data.len() as u32).collect();
    let normalisation = Normalisation::of(&data, &all).unwrap();
    Images { data: Arc::new(data), normalisation }
}

/// Images from all over a set, so of each of its classes.
pub(crate) fn chosen(images: &Images) -> Vec<u32> {
    let step = images.data.len() / COUNT;
    (0..COUNT).map(|place| (place * step) as u32).collect()
}

/// The bytes of some images, one after the other.
pub(crate) fn bytes(images: &Images, indices: &[u32]) -> Vec<u8> {
    indices.iter().flat_map(|index| images.data.pixels(*index)).copied().collect()
}

/// Photos brought to another shape as `tunefork predict` does it: by way of files.
pub(crate) fn resized(photos: &Images, indices: &[u32], shape: Image, fit: Fit, folder: &Path) -> Vec<u8> {
    let mut paths = Vec::new();
    for index in indices {
        let path = folder.join(format!("{index}.png"));
        let file = std::fs::File::create(&path).unwrap();
        let Image { height, width, .. } = photos.data.shape();
        let mut encoder = png::Encoder::new(file, width as u32, height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.write_header().unwrap().write_image_data(photos.data.pixels(*index)).unwrap();
        paths.push(path);
    }
    Pictures::read(&paths, shape, fit).unwrap().pixels
}
