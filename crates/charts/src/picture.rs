//! Figures as PNG, for where SVG cannot be shown.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb::Database};

/// The most pixels of a picture: 400 MB while it is drawn.
const MOST_PIXELS: f64 = 1e8;

/// The font that pictures are drawn with, whatever the machine has: they look the same everywhere.
static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    fonts.load_font_data(include_bytes!("../fonts/DejaVuSans.ttf").to_vec());
    fonts.load_font_data(include_bytes!("../fonts/DejaVuSans-Bold.ttf").to_vec());
    fonts.set_sans_serif_family("DejaVu Sans");
    Arc::new(fonts)
});

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PngError {
    /// What was given is no SVG.
    #[error("the figure is no SVG that can be drawn")]
    Svg(#[from] resvg::usvg::Error),
    /// A picture without pixels, or of too many.
    #[error("a picture of {width} x {height} pixels: it has at least one and at most {MOST_PIXELS} pixels")]
    Size {
        /// In pixels.
        width: f64,
        /// In pixels.
        height: f64,
    },
    /// The pixels cannot be written as PNG.
    #[error("the picture cannot be written as PNG: {0}")]
    Encode(String),
}

/// A picture (PNG) of a figure that [`Figure::svg`](crate::Figure::svg) gave, in its light colours: needs the feature `png`.
///
/// It has `scale` pixels for each pixel of CSS; 2 reads well on today's screens and on paper. Texts are drawn in DejaVu Sans, which is
/// part of the program: Latin, Greek and Cyrillic letters; others are drawn as boxes.
///
/// # Errors
/// A text that is no SVG; a picture of no pixels, or of more than 100 million.
///
/// ```
/// use tunefork_charts::{Axis, Chart, Figure, Layer, Point, png};
///
/// let chart = Chart::new(Axis::linear("x"), Axis::linear("y")).layer(Layer::points([Point::new(1.0, 2.0)]));
/// let picture = png(&Figure::new("one", "One point").panel(chart).svg(), 2.0)?;
/// assert!(picture.starts_with(b"\x89PNG"));
/// # Ok::<(), tunefork_charts::PngError>(())
/// ```
pub fn png(svg: &str, scale: f32) -> Result<Vec<u8>, PngError> {
    let options = Options { font_family: "DejaVu Sans".into(), fontdb: FONTS.clone(), ..Options::default() };
    let tree = Tree::from_str(svg, &options)?;
    let [width, height] = [tree.size().width(), tree.size().height()].map(|side| f64::from((side * scale).ceil()));
    let pixels = width * height;
    let pixmap = (1.0..=MOST_PIXELS).contains(&pixels).then(|| Pixmap::new(width as u32, height as u32)).flatten();
    let mut pixmap = pixmap.ok_or(PngError::Size { width, height })?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    pixmap.encode_png().map_err(|error| PngError::Encode(error.to_string()))
}
