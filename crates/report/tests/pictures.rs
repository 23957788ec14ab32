//! The figures of a report as pictures.

mod studies;

use studies::search;
use tunefork_report::{Report, png};

#[test]
fn every_figure_is_a_picture() {
    let study = search(60, ["<search> 🙂", "optimizer\u{202e}", "lion & \"co\""]);
    let figures = Report::new(&study).figures();
    assert!(figures.len() > 10, "{}", figures.len());
    for (name, svg) in figures {
        let picture = png(&svg, 1.0).unwrap_or_else(|error| panic!("{name}: {error}"));
        // Width and height stand in the first chunk of a PNG file.
        let side = |at: usize| u32::from_be_bytes(picture[at..at + 4].try_into().unwrap());
        assert_eq!(side(16), 720, "{name}");
        assert!(side(20) > 100 && picture.len() > 2_000, "{name}: {} high, {} bytes", side(20), picture.len());
    }
}
