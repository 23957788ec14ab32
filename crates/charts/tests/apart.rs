//! Texts do not lie on each other, and none leaves the picture, at the widths that a page has.

use roxmltree::{Document, Node};
use tunefork_charts::{Axis, Bar, Cell, Chart, Figure, Layer, Palette, Parallel, Point, Polyline, Sharing};

const SIZE: f64 = 11.0;

/// Left, right, top, bottom.
type Area = [f64; 4];

/// Where a text lies, for letters of a usual width; nothing for one that is turned.
fn area(text: Node<'_, '_>) -> Option<Area> {
    let number = |name: &str| text.attribute(name)?.parse::<f64>().ok();
    let (mut x, mut y) = (number("x")?, number("y")?);
    for group in text.ancestors() {
        let moved = group.attribute("transform").and_then(|moved| moved.strip_prefix("translate(")?.strip_suffix(')'));
        let (right, down) = moved.and_then(|moved| moved.split_once(' ')).unwrap_or(("0", "0"));
        (x, y) = (x + right.parse::<f64>().unwrap(), y + down.parse::<f64>().unwrap());
    }
    let shown = text.children().filter_map(|child| child.is_text().then(|| child.text())?).collect::<String>();
    let width = 0.5 * SIZE * shown.chars().count() as f64;
    let left = match text.attribute("class").and_then(|class| class.split(' ').next_back()) {
        Some("e") => x - width,
        Some("m") => x - width / 2.0,
        _ => x,
    };
    Some([left, left + width, y - 0.75 * SIZE, y + 0.2 * SIZE])
}

fn check(figure: &Figure) {
    for width in [360, 720, 1200] {
        let svg = figure.clone().width(width).svg();
        let document = Document::parse(&svg).unwrap();
        let texts = document.descendants().filter(|node| node.has_tag_name("text"));
        let areas: Vec<(Area, Node<'_, '_>)> = texts.filter_map(|text| Some((area(text)?, text))).collect();
        for (i, (area, text)) in areas.iter().enumerate() {
            let [left, right, top, bottom] = *area;
            assert!(left >= -1.0 && right <= f64::from(width) + 1.0, "{width}: {text:?} {area:?}");
            for (other, second) in &areas[..i] {
                let meet = left < other[1] && other[0] < right && top < other[3] && other[2] < bottom;
                assert!(!meet, "{width}: {text:?} {:?} and {second:?} {:?}", text.text(), second.text());
            }
        }
    }
}

fn curve(height: f64) -> Vec<Point> {
    (0..20).map(|i| Point::new(f64::from(i) * 1000.0, height + 0.001 * f64::from(i))).collect()
}

#[test]
fn names_of_lines_that_end_together() {
    let lines = (0..8).map(|i| Layer::line(curve(0.9 + 0.0005 * f64::from(i))).name(format!("line number {i}")));
    let axes = (Axis::linear("steps").whole(), Axis::linear("a label of usual length").percent());
    let chart = Chart::new(axes.0, axes.1).layers(lines).layer(Layer::rule_y(0.9).name("default"));
    check(&Figure::new("lines", "Lines").panel(chart.layer(Layer::rule_x(3000.0).name("first rung"))));
}

#[test]
fn panels_that_share_their_axes() {
    let panels = (0..7).map(|i| {
        Chart::new(Axis::linear("steps").whole(), Axis::linear("accuracy").percent())
            .title(format!("trial {i}"))
            .layer(Layer::line(curve(0.5)).name("training"))
            .layer(Layer::points(curve(0.4)).name("validation"))
    });
    for sharing in [Sharing::Nothing, Sharing::RowsAndColumns, Sharing::Everything] {
        check(&Figure::new("panels", "Panels").columns(3).sharing(sharing).panels(panels.clone()));
    }
}

#[test]
fn bars_with_names_and_labels() {
    for count in [1usize, 3, 10, 40] {
        let names: Vec<String> = (0..count).map(|i| format!("parameter {i} of the network")).collect();
        let bars: Vec<Bar> =
            (0..count).map(|i| Bar::new(i, i as f64 / 7.0).label(format!("{:.1} %", i as f64))).collect();
        let (named, value) = (Axis::band("", names), Axis::linear("importance").percent());
        let lying = Chart::new(value.clone(), named.clone()).layer(Layer::bars(bars.clone()));
        let standing = Chart::new(named, value).layer(Layer::bars(bars));
        check(&Figure::new("bars", "Bars").panel(lying).panel(standing));
    }
}

#[test]
fn numbers_in_cells() {
    for count in [2usize, 10, 30] {
        let names: Vec<String> = (0..count).map(|i| format!("class {i}")).collect();
        let places = (0..count).flat_map(|i| (0..count).map(move |j| (i, j)));
        let cells = places.map(|(i, j)| Cell::new(i, j, (i * j) as f64).label(format!("{}", i * j)));
        let chart = Chart::new(Axis::band("predicted", names.clone()), Axis::band("true", names))
            .colour(Axis::linear("images"), Palette::Sequential)
            .layer(Layer::cells(cells.collect::<Vec<_>>()));
        check(&Figure::new("cells", "Cells").panel(chart.clone()).panel(chart.square()));
    }
}

#[test]
fn parallel_coordinates() {
    let axes: Vec<Axis> = (0..6).map(|i| Axis::log10(format!("parameter {i}"))).collect();
    let lines = (1..9).map(|i| Polyline::new(vec![10f64.powi(i - 5); 6]).value(f64::from(i)));
    let parallel = Parallel::new(axes).colour(Axis::linear("accuracy"), Palette::Sequential).lines(lines);
    check(&Figure::new("parallel", "Parallel coordinates").panel(parallel));
}
