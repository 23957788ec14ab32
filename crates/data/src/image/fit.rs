//! Any picture to the one shape a set has.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer, pixels};

use super::{Fit, Picture};
use crate::Image;

pub(super) fn fit(picture: Picture, shape: Image, fit: Fit) -> Vec<u8> {
    // Grey first and colour last, so that no more channels than needed are scaled.
    let picture = if shape.channels == 1 { to_grey(picture) } else { picture };
    let picture = scale(picture, shape.height, shape.width, fit);
    if shape.channels == 3 { to_colour(picture).pixels } else { picture.pixels }
}

/// Scales with a triangle filter as wide as the reduction (what Pillow calls bilinear), which
/// works on integers only: the same bytes on every machine.
fn scale(picture: Picture, height: usize, width: usize, fit: Fit) -> Picture {
    if (picture.height, picture.width) == (height, width) {
        return picture;
    }
    let (channels, pixels) = (picture.channels, vec![0; height * width * picture.channels]);
    let mut target = Picture { height, width, channels, pixels };
    match channels {
        1 => scale_pixels::<pixels::U8>(&picture, &mut target, fit),
        _ => scale_pixels::<pixels::U8x3>(&picture, &mut target, fit),
    }
    target
}

/// For one kind of pixel: the library's functions for any kind contain all of them, which took this crate twice as long to compile.
fn scale_pixels<P: PixelTrait>(from: &Picture, to: &mut Picture, fit: Fit) {
    const BYTES: &str = "a picture has height × width × channels bytes";
    let source = TypedImageRef::<P>::from_buffer(from.width as u32, from.height as u32, &from.pixels).expect(BYTES);
    let mut target = TypedImage::<P>::from_buffer(to.width as u32, to.height as u32, &mut to.pixels).expect(BYTES);
    let mut options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    if fit == Fit::Crop {
        options = options.fit_into_destination(Some((0.5, 0.5)));
    }
    Resizer::new().resize_typed(&source, &mut target, &options).expect("no picture is empty");
}

fn to_grey(picture: Picture) -> Picture {
    if picture.channels == 1 {
        return picture;
    }
    let luma = |pixel: &[u8]| {
        let [red, green, blue] = [0, 1, 2].map(|channel| u32::from(pixel[channel]));
        // In 1/65536; the sum of the weights is 65536, so white stays 255.
        ((19_595 * red + 38_470 * green + 7_471 * blue + 32_768) >> 16) as u8
    };
    let pixels = picture.pixels.chunks_exact(3).map(luma).collect();
    Picture { channels: 1, pixels, ..picture }
}

fn to_colour(picture: Picture) -> Picture {
    if picture.channels == 3 {
        return picture;
    }
    let pixels = picture.pixels.iter().flat_map(|grey| [*grey; 3]).collect();
    Picture { channels: 3, pixels, ..picture }
}
