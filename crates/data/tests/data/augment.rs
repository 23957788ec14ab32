//! Random changes to coloured images.

use tunefork_data::{Augmentation, Image, Normalisation, Transform};

/// Each channel of a coloured image is what a grey one of its bytes becomes.
#[test]
fn colours_are_changed_as_grey_is() {
    let (grey, coloured) = (Image::new(5, 4, 1), Image::new(5, 4, 3));
    let [of_grey, of_colours] =
        [1, 3].map(|channels| Normalisation::new(&vec![0.0; channels], &vec![0.5; channels]).expect("good values"));
    let planes = [7_u8, 31, 89].map(|step| (1..=20_u8).map(|at| at.wrapping_mul(step)).collect::<Vec<u8>>());
    let pixels: Vec<u8> = (0..20).flat_map(|at| [0, 1, 2].map(|channel| planes[channel][at])).collect();
    let strong = Augmentation { flip: 0.5, crop: 1, rotate: 30.0, brightness: 0.2, contrast: 0.4, cutout: 2 };
    for image in 0..20 {
        let transform: Transform = strong.draw(coloured, [3, 4], 0, image);
        assert_eq!(transform, strong.draw(grey, [3, 4], 0, image));
        let mut found = vec![f32::NAN; 60];
        of_colours.apply_changed(&transform, &pixels, coloured, &mut found);
        for (channel, plane) in planes.iter().enumerate() {
            let mut wanted = vec![f32::NAN; 20];
            of_grey.apply_changed(&transform, plane, grey, &mut wanted);
            assert_eq!(found.iter().copied().skip(channel).step_by(3).collect::<Vec<_>>(), wanted, "image {image}");
        }
    }
}
