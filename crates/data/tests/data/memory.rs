//! Sets from memory: what is refused, in which words, and what they say of themselves.

use tunefork_data::{DataError, Dataset, Image, Part};

fn names(classes: usize) -> Vec<String> {
    (0..classes).map(|class| class.to_string()).collect()
}

/// Images of 1×2 grey pixels of two classes.
fn set(counts: [usize; 3], labels: &[u16], bytes: usize) -> Result<Dataset, DataError> {
    Dataset::from_memory(Image::new(1, 2, 1), names(2), counts, labels.to_vec(), vec![7; bytes])
}

#[test]
fn a_set_says_what_it_holds() {
    let data = set([2, 1, 3], &[0, 1, 0, 1, 0, 1], 12).expect("a good set");
    assert_eq!((data.len(), data.is_empty(), data.all_pixels()), (6, false, [7; 12].as_slice()));
    assert_eq!(Part::ALL.map(|part| data.part(part)), [0..2, 2..3, 3..6]);
    let none = set([0; 3], &[], 0).expect("a set of no images");
    assert_eq!((none.len(), none.is_empty(), none.part(Part::Train)), (0, true, 0..0));
    assert_ne!(none.digest(), data.digest());
}

#[test]
fn images_come_under_other_classes() {
    let data = set([2, 1, 0], &[0, 1, 0], 6).expect("a good set").relabelled(names(5), &[4, 2]);
    assert_eq!((data.labels(), data.classes().len(), data.part(Part::Validation)), ([4, 2, 4].as_slice(), 5, 2..3));
}

#[test]
#[should_panic = "places among the classes: [0, 2]"]
fn a_place_that_is_no_class_is_refused() {
    let _ = set([2, 0, 0], &[0, 1], 4).expect("a good set").relabelled(names(2), &[0, 2]);
}

#[test]
fn lengths_that_do_not_fit_together_are_named() {
    let message = |found: Result<Dataset, DataError>| found.expect_err("refused").to_string();
    let labels = [0, 1, 1];
    assert_eq!(message(set([1, 1, 0], &labels, 6)), "`number of labels` is 3; the parts [1, 1, 0] must add up to it");
    // Numbers whose sum is 3 if it is cut to its length.
    assert!(message(set([usize::MAX, 4, 0], &labels, 6)).starts_with("`number of labels` is 3"));
    for bytes in [5, 7] {
        let wanted = format!("`bytes of pixels` is {bytes}; 3 images of 2 bytes are expected");
        assert_eq!(message(set([1, 1, 1], &labels, bytes)), wanted);
    }
    assert_eq!(
        message(set([3, 0, 0], &[0, 2, 1], 6)),
        "`memory`: label 2 of image 1 is not below the number of classes, 2"
    );
}

#[test]
fn shapes_and_numbers_of_classes_have_bounds() {
    let empty = |shape, classes| Dataset::from_memory(shape, names(classes), [0; 3], Vec::new(), Vec::new());
    for shape in [Image::new(1, 1, 1), Image::new(4096, 1, 3), Image::new(1, 4096, 3)] {
        assert_eq!(empty(shape, 2).expect("a good shape").shape(), shape);
    }
    let sides = "height and width must lie in 1 to 4096";
    let channels = "channels must be 1 (grey) or 3 (red, green, blue)";
    for (height, width, depth, reason) in [
        (0, 1, 1, sides),
        (1, 0, 1, sides),
        (4097, 1, 1, sides),
        (1, 4097, 1, sides),
        (1, 1, 0, channels),
        (1, 1, 2, channels),
        (1, 1, 4, channels),
    ] {
        let message = empty(Image::new(height, width, depth), 2).expect_err("refused").to_string();
        assert_eq!(message, format!("image shape {height}x{width}x{depth}: {reason}"));
    }
    for (classes, is_good) in [(0, false), (1, false), (2, true), (65_535, true), (65_536, false)] {
        let found = empty(Image::new(1, 1, 1), classes);
        assert_eq!(found.is_ok(), is_good, "{classes} classes");
        if let Err(error) = found {
            assert!(error.to_string().ends_with("between 2 and 65535 are allowed"), "{error}");
        }
    }
}
