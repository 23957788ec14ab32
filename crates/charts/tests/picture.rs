//! Pictures of figures show what the SVG does.

#[expect(dead_code, reason = "it is a program: its main writes files")]
#[path = "../examples/gallery.rs"]
mod gallery;

use resvg::tiny_skia::{Pixmap, PremultipliedColorU8};
use tunefork_charts::{Axis, Bar, Chart, Figure, Layer, PngError, png};

fn picture(svg: &str, scale: f32) -> Pixmap {
    Pixmap::decode_png(&png(svg, scale).expect("a picture")).expect("a PNG")
}

fn rgb(pixel: PremultipliedColorU8) -> [u8; 3] {
    [pixel.red(), pixel.green(), pixel.blue()]
}

fn has(picture: &Pixmap, colour: [u8; 3]) -> bool {
    picture.pixels().iter().any(|pixel| rgb(*pixel) == colour)
}

/// As the root element has them.
fn size(svg: &str) -> [u32; 2] {
    let document = roxmltree::Document::parse(svg).expect("XML");
    ["width", "height"].map(|name| document.root_element().attribute(name).expect(name).parse().expect("pixels"))
}

#[test]
fn every_kind_of_figure_has_its_size_paper_and_text() {
    for figure in gallery::figures(80) {
        let svg = figure.svg();
        let drawn = picture(&svg, 1.5);
        let expected = size(&svg).map(|side| (side * 3).div_ceil(2));
        assert_eq!([drawn.width(), drawn.height()], expected);
        assert_eq!(drawn.pixel(0, 0).map(rgb), Some([255; 3]), "the paper");
        assert!(has(&drawn, [0x1c, 0x20, 0x24]), "the ink");
        let without_text = picture(&svg.replace("</style>", ".chart text{display:none}</style>"), 1.5);
        let differ = drawn.pixels().iter().zip(without_text.pixels()).filter(|(one, other)| one != other).count();
        assert!(differ > 500, "{differ} pixels of text in {}", &svg[..200]);
        assert!(without_text.pixels().iter().any(|pixel| rgb(*pixel) != [255; 3]), "marks in {}", &svg[..200]);
    }
}

#[test]
fn colours_are_the_light_ones() {
    let chart = Chart::new(Axis::band("", ["one"]), Axis::linear("y")).layer(Layer::bars([Bar::new(0, 1.0)]));
    let drawn = picture(&Figure::new("bar", "A bar").panel(chart).svg(), 1.0);
    assert!(has(&drawn, [0x00, 0x72, 0xb2]));
    assert!(!has(&drawn, [0x3b, 0x9d, 0xdb]) && !has(&drawn, [0x15, 0x18, 0x1c]));
}

/// What is not in the font is a box, the same for all.
#[test]
fn signs_of_charts_are_in_the_font() {
    let of = |weight: u32, sign: char| {
        let svg = format!(
            "<svg xmlns='http://www.w3.org/2000/svg' width='40' height='40'>\
             <text x='10' y='25' font-size='16' font-weight='{weight}'>&#{};</text></svg>",
            u32::from(sign)
        );
        picture(&svg, 1.0).data().to_vec()
    };
    for weight in [400, 600] {
        let (missing, nothing) = (of(weight, '漢'), of(weight, ' '));
        assert_ne!(missing, nothing);
        for sign in ('!'..='~').chain("−×·…—–⁰¹²³⁴⁵⁶⁷⁸⁹⁻±→≤≥≈µéßñŁωЖ“”‘’€".chars())
        {
            let drawn = of(weight, sign);
            assert!(drawn != missing && drawn != nothing, "{sign} in {weight}");
        }
    }
    assert_ne!(of(400, 'A'), of(600, 'A'));
}

#[test]
fn what_cannot_be_drawn_is_an_error() {
    assert!(matches!(png("no SVG", 1.0), Err(PngError::Svg(_))));
    let svg = Figure::new("none", "Nothing").svg();
    for scale in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e4] {
        let error = png(&svg, scale).expect_err("no picture");
        assert!(matches!(error, PngError::Size { .. }), "{scale}: {error}");
    }
}
